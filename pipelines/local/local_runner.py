"""Local runner: runs a pipeline on this machine, with independent nodes at the same time.

Each node has a process of its own. TFX's LocalDagRunner runs one node after the other in one process, shows no
progress, and does not report which nodes were cached.
"""

from __future__ import annotations

import graphlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

import joblib

from ..nodes.node_result import NodeResult
from ..nodes.supervisor import GRACE, Ended
from .output_lock import HeldLock
from .processes import process_context
from .run_plan import Plan

# Seconds that a supervisor needs to record the result of its node and to end.
_RECORDING = 3.0


class Observer(Protocol):
    """Receiver of the run's progress."""

    def started(self, node_id: str) -> None:
        """A node begins to work."""

    def reported(self, node_id: str, text: str, fraction: float | None) -> None:
        """A node reports its current work and, if known, the fraction that is done (0.0 to 1.0)."""

    def ended(self, node_id: str, state: str, seconds: float) -> None:
        """A node ended, or was skipped."""


@dataclass
class _Working:
    node_id: str
    process: BaseProcess
    begin: float


def run_pipeline(plan: Plan, observer: Observer, log_file: Path, lock: HeldLock | None = None) -> list[NodeResult]:
    """Runs the nodes of a plan, as many at once as there are cores that this process may use.

    After a failure no further node starts; running nodes finish.

    Args:
        plan: The nodes to run.
        observer: Its methods are called when a node starts, reports and ends.
        log_file: The file of the nodes' standard output and error.
        lock: The lock of the output folder, which each node holds until it has ended.

    Returns:
        A result for every node of the pipeline, in topological order.
    """
    order = list(plan.upstream)
    sorter = graphlib.TopologicalSorter(plan.upstream)
    sorter.prepare()
    ready: list[str] = []
    working: dict[Connection, _Working] = {}
    results: dict[str, NodeResult] = {}

    def end(result: NodeResult) -> None:
        results[result.id] = result
        observer.ended(result.id, result.state, result.seconds)
        if result.state != "FAILED":
            sorter.done(result.id)

    try:
        while True:
            failed = any(result.state == "FAILED" for result in results.values())
            ready = sorted([*ready, *sorter.get_ready()], key=order.index)
            skipped = [node_id for node_id in ready if node_id in plan.skipped]
            for node_id in skipped:
                ready.remove(node_id)
                end(NodeResult(node_id, "SKIPPED", 0.0))
            if skipped:
                continue
            while ready and not failed and len(working) < joblib.cpu_count():
                observer.started(ready[0])
                connection, node = _start(plan, ready.pop(0), log_file, lock)
                working[connection] = node
            if not working:
                break
            for connection in [each for each in wait(list(working)) if isinstance(each, Connection)]:
                result = _receive(connection, working[connection], observer)
                if result is not None:
                    del working[connection]
                    end(result)
    finally:
        # Interrupted: the nodes record that they failed.
        for result in _end_all(working, observer):
            observer.ended(result.id, result.state, result.seconds)
    for node_id in order:
        if node_id not in results:
            results[node_id] = NodeResult(node_id, "SKIPPED", 0.0)
            observer.ended(node_id, "SKIPPED", 0.0)
    return [results[node_id] for node_id in order]


def _end_all(working: dict[Connection, _Working], observer: Observer) -> Iterator[NodeResult]:
    """Ends all nodes within `GRACE` seconds, and yields their results."""
    deadline = time.monotonic() + GRACE + _RECORDING
    for node in working.values():
        node.process.terminate()
    while working and (left := deadline - time.monotonic()) > 0:
        # Waits for connections, not processes: the fork server, which reports their ends, may have got the same signal.
        for connection in [each for each in wait(list(working), left) if isinstance(each, Connection)]:
            result = _receive(connection, working[connection], observer)
            if result is not None:
                del working[connection]
                yield result
    for node in working.values():
        node.process.kill()


def _start(plan: Plan, node_id: str, log_file: Path, lock: HeldLock | None) -> tuple[Connection, _Working]:
    context = process_context()
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(plan.pipeline, node_id, log_file, sending, lock), name=node_id)
    process.start()
    sending.close()
    return receiving, _Working(node_id, process, time.monotonic())


def _run(pipeline: bytes, node_id: str, log_file: Path, runner: Connection, lock: HeldLock | None) -> None:
    from .node_process import run_node_in_process  # It imports TFX, which the fork server has imported already.

    run_node_in_process(pipeline, node_id, log_file, runner)


def _receive(connection: Connection, node: _Working, observer: Observer) -> NodeResult | None:
    """Receives one message of a node; returns its result if it has ended, otherwise None."""
    try:
        message = connection.recv()
    except EOFError:
        # The supervisor was killed, and the system then killed the node.
        node.process.join(_RECORDING)
        error = Ended(node.process.exitcode or 0, None).reason()
        message = NodeResult(node.node_id, "FAILED", time.monotonic() - node.begin, error)
    if not isinstance(message, NodeResult):
        observer.reported(node.node_id, *message)
        return None
    connection.close()
    node.process.join(_RECORDING)
    return message
