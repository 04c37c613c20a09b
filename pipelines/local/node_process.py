"""Process of one node of a local run, and the process that supervises it."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from tfx.proto.orchestration import pipeline_pb2

from ... import progress
from ..nodes.claim import close_ended
from ..nodes.node_result import NodeResult
from ..nodes.node_run import node_of_run, run_node
from ..nodes.supervisor import supervise
from .terminal import output_to


def run_node_in_process(pipeline: bytes, node_id: str, log_file: Path, runner: Connection) -> None:
    """Runs a node in a child of this process; sends its progress as (text, fraction), and at the end its NodeResult.

    Args:
        pipeline: The compiled pipeline with the run's id, serialised.
        node_id: The node.
        log_file: The file of its standard output and error.
        runner: The sending end of a pipe to the runner.
    """
    # Ctrl-C reaches all processes of a terminal; the runner alone handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    begin = time.monotonic()
    # The node also ends if the runner is killed, so that a second run finds no node of the first one running.
    ended = supervise(lambda: _work(pipeline, node_id, log_file, runner), {signal.SIGTERM}, parent.sentinel)
    if ended.code == 0:
        return
    node = node_of_run(pipeline_pb2.Pipeline.FromString(pipeline), node_id)
    reason = ended.reason(node.places())
    with output_to(log_file):
        print(f"{node_id}: {reason}", flush=True)
        close_ended(node, ended)
    with contextlib.suppress(OSError):
        runner.send(NodeResult(node_id, "FAILED", time.monotonic() - begin, reason))


def _work(pipeline: bytes, node_id: str, log_file: Path, runner: Connection) -> int:
    sending = threading.Lock()

    def report(text: str, fraction: float | None) -> None:
        with sending, contextlib.suppress(OSError):
            runner.send((text, fraction))

    with output_to(log_file), progress.listening(report):
        result = run_node(pipeline_pb2.Pipeline.FromString(pipeline), node_id)
    with sending, contextlib.suppress(OSError):
        runner.send(result)
    return 0
