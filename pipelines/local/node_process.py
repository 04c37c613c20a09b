"""What happens in the process of one node of a local run."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from tfx.proto.orchestration import pipeline_pb2

from ... import progress
from ..nodes.node_run import run_node
from .terminal import output_to


def run_node_in_process(pipeline: bytes, node_id: str, log_file: Path, runner: Connection) -> None:
    """Runs a node, and sends what it reports as (text, fraction), and at last its NodeResult.

    Args:
        pipeline: The compiled pipeline with the run's id, serialised.
        node_id: The node.
        log_file: Where its output goes.
        runner: The sending end of a pipe to the runner.
    """
    # The runner decides what an interrupt from the keyboard means, which reaches all processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Otherwise the first of two nodes takes all of a GPU's memory.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    threading.Thread(target=_end_with_runner, daemon=True).start()
    sending = threading.Lock()

    def report(text: str, fraction: float | None) -> None:
        with sending, contextlib.suppress(OSError):
            runner.send((text, fraction))

    with output_to(log_file), progress.listening(report):
        result = run_node(pipeline_pb2.Pipeline.FromString(pipeline), node_id)
    with sending, contextlib.suppress(OSError):
        runner.send(result)


def _end_with_runner() -> None:
    """Ends the node where the runner was killed: a second run must not meet a node of the first one."""
    runner = multiprocessing.parent_process()
    assert runner is not None
    runner.join()
    os.kill(os.getpid(), signal.SIGTERM)
