"""Processes that begin with TFX imported and TensorFlow untouched, at the price of one import for all of them.

Importing TFX takes 9 seconds, too much for each node; and once a node has used TensorFlow, no later one in the same
process can be given other threads. Python's fork server imports once and then forks for each process. It never uses
TensorFlow itself, which would not survive the fork.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import ParamSpec, TypeVar

from .terminal import output_to

# Everything that nodes import, through these.
_PRELOADED = [
    "tfx_lm.pipelines.local.local_plan",
    "tfx_lm.pipelines.local.node_process",
    "tfx_lm.pipelines.results.collect",
    "tfx_lm.components.trainer.run_fn",
    "tfx_lm.transform.preprocessing",
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def process_context() -> ForkServerContext:
    """The start method of all processes; the server starts with the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def call(
    log_file: Path, function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """Calls a function in a process of its own, so that this one need not import TFX.

    Args:
        log_file: Where its output goes.
        function: A function of a module; its arguments, result and exceptions are pickled.
        *arguments: Its arguments.
        **named: Its arguments by name.

    Returns:
        What it returns.
    """
    with ProcessPoolExecutor(1, mp_context=process_context()) as pool:
        return pool.submit(_call, log_file, function, arguments, named).result()


def _call(log_file: Path, function: Callable[..., Result], arguments: tuple, named: dict) -> Result:
    with output_to(log_file):
        return function(*arguments, **named)
