"""Workers of a training: a process for each on this machine, watched, and connections to those of other hosts.

    this process ── watches ──┬── worker 0, the chief: TensorFlow, writes the files
                              └── worker 1: TensorFlow
    or, on several hosts:
    watches worker 0 ◄── connection ──► watches worker 1
    └── worker 0                        └── worker 1

TensorFlow's workers wait for each other in C++ code, and may wait for ever for one that has died. So the process that
was started does not train: it forks the workers, and ends all of them as soon as one ends too early.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import tensorflow as tf

from ...errors import SettingError, escape
from ...parent_death import end_with_parent
from ...progress import log_only, report
from .cluster import Cluster
from .peer import Peer
from .rendezvous import WorkerError, digest, gather, join

# Seconds to wait for the cause, after an error that the end of another worker may have caused.
_CAUSE = 5.0

Task = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class _Failure:
    """The end of a worker before that of the training.

    Attributes:
        error: What to raise.
        consequence: Whether the end of another worker may have caused it.
    """

    error: Exception
    consequence: bool = False


@dataclasses.dataclass(frozen=True)
class _Worker:
    """A worker of this machine, and the pipe through which it tells its end."""

    index: int
    process: BaseProcess
    pipe: Connection


def train_here(workers: int, task: Task, train: Callable[[Task], None]) -> None:
    """Trains with several processes of this machine.

    Args:
        workers: How many.
        task: What to train, JSON types.
        train: Trains; called in each worker, with `TF_CONFIG` set.

    Raises:
        WorkerError: A worker was killed.
        Exception: The error of a worker.
    """
    _check_unused()
    # Held until the end, so that nobody else gets the ports before TensorFlow listens there.
    held = [_held_port() for _ in range(workers)]
    cluster = Cluster(tuple(f"localhost:{each.getsockname()[1]}" for each in held))
    os.environ["TF_GRPC_REUSE_PORT"] = "1"
    report(f"starts {workers} workers on this machine")
    try:
        _run(cluster, range(workers), {}, task, train)
    finally:
        del os.environ["TF_GRPC_REUSE_PORT"]
        for each in held:
            each.close()


def train_on_hosts(cluster: Cluster, task: Task, train: Callable[[Task], None], agreed: Any, timeout: float) -> str:
    """Trains as one worker of several hosts. Each host calls it.

    Args:
        cluster: All workers, and which of them this one is.
        task: What to train, JSON types. The chief's counts.
        train: Trains; called in a process of its own, with `TF_CONFIG` set.
        agreed: What must be the same in all of them, JSON types.
        timeout: Seconds to wait for a worker that has not come.

    Returns:
        Why there was nothing to train, or an empty text.

    Raises:
        WorkerError: A worker did not come, or has died.
        Exception: The error of this worker.
    """
    _check_unused()
    if cluster.index == 0:
        peers = gather(cluster, digest(agreed), timeout)
        for peer in peers.values():
            peer.send(start=task)
    else:
        chief, message = join(cluster, digest(agreed), timeout)
        peers = {0: chief}
        if "start" not in message:
            chief.close()
            return str(message.get("end"))
        task = message["start"]
    try:
        _run(cluster, [cluster.index], peers, task, train)
    finally:
        for peer in peers.values():
            peer.close()
    return ""


def _run(cluster: Cluster, here: Any, peers: Mapping[int, Peer], task: Task, train: Callable[[Task], None]) -> None:
    """Runs the workers of this machine until all have ended, here and elsewhere."""
    workers: list[_Worker] = []
    try:
        for index in here:
            workers.append(_start(cluster, index, peers, task, train))
        failure = _watch(cluster, workers, peers)
        if failure is not None:
            _tell(cluster, workers[0].index, peers, failure)
            raise failure.error
        for peer in peers.values():
            peer.send(end=True)
    finally:
        # They have nothing to tidy up: files are replaced at once, and TensorFlow may ignore a SIGTERM.
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()


def _watch(cluster: Cluster, workers: list[_Worker], peers: Mapping[int, Peer]) -> _Failure | None:
    """Waits for the end of the training; returns what ended it too early.

    The chief's side ends when all workers are done, another's when the chief says so: all need each other until then.
    """
    chief = workers[0].index == 0
    working: dict[Any, _Worker | int] = {worker.pipe: worker for worker in workers}
    working |= {peer: index for index, peer in peers.items()}
    done: set[int] = set()
    failure, deadline = None, float("inf")
    while working:
        left = None if failure is None else deadline - time.monotonic()
        ready: list[Any] = wait(list(working), left) if left is None or left > 0 else []
        if not ready:
            return failure
        for each in ready:
            worker = working[each]
            if isinstance(worker, _Worker):
                end = _end_of(cluster, worker)
                done.add(worker.index)
                del working[each]
                if end is None and not chief:
                    peers[0].send(done=True)
            else:
                end = None
                for message in _messages(cluster, worker, each):
                    if isinstance(message, _Failure):
                        end = message
                    elif "end" in message or "done" in message:
                        done.add(worker)
                        # The chief's end is everybody's.
                        if not chief:
                            return failure
                if end is not None:
                    del working[each]
            if end is not None and not end.consequence:
                return end
            if end is not None and failure is None:
                failure, deadline = end, time.monotonic() + _CAUSE
        if chief and failure is None and len(done) == len(cluster.workers):
            return None
    return failure


def _end_of(cluster: Cluster, worker: _Worker) -> _Failure | None:
    """Returns why a worker of this machine has ended; None if it is done."""
    try:
        error = worker.pipe.recv()
    except EOFError:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        text = (
            f"{escape(cluster.name(worker.index))} {how}, so all workers ended; the next start goes on from the backup"
        )
        # TensorFlow aborts workers that have lost another one.
        return _Failure(WorkerError(text), consequence=code == -signal.SIGABRT)
    return None if error is None else _Failure(error, isinstance(error, tf.errors.OpError))


def _messages(cluster: Cluster, index: int, peer: Peer) -> list[Mapping[str, Any] | _Failure]:
    """Returns what another host tells; its end, if it says nothing any more."""
    messages = peer.receive()
    if messages is None:
        text = f"{escape(cluster.name(index))} ended, or its host cannot be reached any more, so all workers ended"
        return [_Failure(WorkerError(f"{text}; the next start goes on from the backup"))]
    return [
        _Failure(WorkerError(message["failed"]), bool(message.get("consequence"))) if "failed" in message else message
        for message in messages
    ]


def _tell(cluster: Cluster, own: int, peers: Mapping[int, Peer], failure: _Failure) -> None:
    """Tells other hosts why the training ends; errors of workers name theirs already."""
    error = failure.error
    text = error.template if isinstance(error, SettingError) else escape(f"{type(error).__name__}: {error}")
    if not isinstance(error, WorkerError):
        text = f"{escape(cluster.name(own))} failed: {text}"
    for peer in peers.values():
        peer.send(failed=text, consequence=failure.consequence)


def _start(
    cluster: Cluster, index: int, peers: Mapping[int, Peer], task: Task, train: Callable[[Task], None]
) -> _Worker:
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    # All workers of this machine have the same progress.
    helps = index != 0 and not peers
    process = context.Process(target=_work, args=(sending, peers, helps, cluster.tf_config(index), task, train))
    with warnings.catch_warnings():
        # Python 3.12 warns of other threads. Those of a node hold no lock that a worker needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    sending.close()
    return _Worker(index, process, receiving)


def _work(
    monitor: Connection,
    peers: Mapping[int, Peer],
    helps: bool,
    tf_config: str,
    task: Task,
    train: Callable[[Task], None],
) -> None:
    """Trains, and waits to be killed, since another worker may still need an answer of this one's TensorFlow."""
    parent = multiprocessing.parent_process()
    assert parent is not None and parent.pid is not None
    end_with_parent(parent.pid, parent.sentinel)
    # Ctrl-C reaches all processes of a terminal; the parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for peer in peers.values():
        peer.close()
    if helps:
        log_only()
    os.environ["TF_CONFIG"] = tf_config
    try:
        train(task)
    except Exception as error:
        traceback.print_exc()
        monitor.send(_sendable(error))
    else:
        monitor.send(None)
    sys.stdout.flush()
    sys.stderr.flush()
    while True:
        signal.pause()


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301, its own
    except Exception:  # Some exceptions of libraries cannot be pickled, or not read again.
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _check_unused() -> None:
    """Raises a `SettingError` if TensorFlow has run something in this process: it does not work in a fork then."""
    threading = tf.config.threading
    before = threading.get_inter_op_parallelism_threads()
    try:
        threading.set_inter_op_parallelism_threads(before + 1)
    except RuntimeError as error:
        raise SettingError(
            "several workers: TensorFlow has run something in this process already, so that it cannot be divided into "
            "workers; train in a process of its own, as tfx-lm run and tfx-lm run-node do, or set {workers}=1"
        ) from error
    threading.set_inter_op_parallelism_threads(before)


def _held_port() -> socket.socket:
    """Returns a socket that has a free port, and lets TensorFlow have it, too."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("", 0))
    return holder
