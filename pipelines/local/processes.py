"""Processes that start with TFX imported and TensorFlow unused; the import happens once for all of them.

Importing TFX takes 9 seconds, too long for each node. Once a node has used TensorFlow, no later node in the same
process can set its threads. Python's fork server imports once and then forks for each process. It never uses
TensorFlow itself, which does not work after a fork.
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

# These import all modules that nodes need.
PRELOADED = [
    "tfx_lm.pipelines.local.local_plan",
    "tfx_lm.pipelines.local.node_process",
    "tfx_lm.pipelines.results.collect",
    "tfx_lm.components.trainer.run_fn",
    "tfx_lm.transform.preprocessing",
]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def process_context() -> ForkServerContext:
    """Returns the start method of all processes; the first process starts the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tfx_lm.pipelines.local.preload"])
    return context


def call(
    log_file: Path, function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """Calls a function in another process, so that this one need not import TFX.

    Args:
        log_file: The file of its standard output and error.
        function: A function of a module; its arguments, result and exceptions are pickled.
        *arguments: Its arguments.
        **named: Its arguments by name.

    Returns:
        The result of the function.
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
        except Exception as error:  # Raised again in the caller, without its traceback.
            traceback.print_exc()
            outcome = None, error
    sending.send(outcome)
    return 0
