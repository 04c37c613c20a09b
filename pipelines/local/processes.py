"""Processes that begin with TFX imported and TensorFlow untouched, at the price of one import for all of them.

Importing TFX takes 9 seconds, too much for each node; and once a node has used TensorFlow, no later one in the same
process can be given other threads. Python's fork server imports once and then forks for each process. It never uses
TensorFlow itself, which would not survive the fork.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ..nodes.supervisor import supervise
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
    context = process_context()
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_supervise, args=(sending, log_file, function, arguments, named))
    process.start()
    sending.close()
    try:
        result, error = receiving.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__}: its process was killed; {log_file} may say why") from None
    finally:
        process.terminate()
        receiving.close()
    if error is not None:
        raise error
    return result


def _supervise(sending: Connection, log_file: Path, function: Callable, arguments: tuple, named: dict) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    supervise(lambda: _call(sending, log_file, function, arguments, named), {signal.SIGTERM}, parent.sentinel)


def _call(sending: Connection, log_file: Path, function: Callable, arguments: tuple, named: dict) -> int:
    outcome: tuple[Any, Exception | None]
    with output_to(log_file):
        try:
            outcome = function(*arguments, **named), None
        except Exception as error:  # Raised again by the caller; its traceback stays here.
            traceback.print_exc()
            outcome = None, error
    sending.send(outcome)
    return 0
