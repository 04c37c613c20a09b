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

import os
import signal
import socket
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from multiprocessing.connection import wait
from typing import Any

from ...errors import SettingError, escape
from ...progress import report
from .cluster import Cluster
from .peer import Peer
from .rendezvous import WorkerError, check_port, digest, gather, join
from .worker_process import Failure, Task, Train, Worker, check_unused, start_worker

# Seconds to wait for the cause, after an error that the end of another worker may have caused. A host that was switched
# off is noticed by TensorFlow first, and a minute later by its connection, which tells its name.
_CAUSE = 5.0
_CAUSE_ON_HOSTS = 75.0
# Characters of another worker's error that are told: a message of HELLO_BYTES has room for them as JSON.
_ERROR = 5000


def train_here(workers: int, task: Task, train: Train, timeout: float) -> None:
    """Trains with several processes of this machine.

    Args:
        workers: How many.
        task: What to train, JSON types.
        train: Trains; called in each worker, with `TF_CONFIG` set.
        timeout: Seconds in which TensorFlow's workers must have met.

    Raises:
        WorkerError: A worker was killed, or they did not meet.
        Exception: The error of a worker.
    """
    check_unused()
    # Held until the end, so that nobody else gets the ports before TensorFlow listens there.
    held = [_held_port() for _ in range(workers)]
    cluster = Cluster(tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in held))
    os.environ["TF_GRPC_REUSE_PORT"] = "1"
    report(f"starts {workers} workers on this machine")
    try:
        _run(cluster, range(workers), {}, task, train, timeout)
    finally:
        del os.environ["TF_GRPC_REUSE_PORT"]
        for each in held:
            each.close()


def train_on_hosts(cluster: Cluster, task: Task, train: Train, agreed: Any, timeout: float) -> str:
    """Trains as one worker of several hosts. Each host calls it.

    Args:
        cluster: All workers, and which of them this one is.
        task: What to train, JSON types. The chief's counts.
        train: Trains; called in a process of its own, with `TF_CONFIG` set.
        agreed: What must be the same in all of them, JSON types.
        timeout: Seconds to wait for a worker that has not come, and then for TensorFlow's workers to meet.

    Returns:
        Why there was nothing to train, or an empty text.

    Raises:
        WorkerError: A worker did not come, or has died.
        SettingError: The port of this worker cannot be used.
        Exception: The error of this worker.
    """
    check_unused()
    if cluster.index == 0:
        peers = gather(cluster, digest(agreed), timeout)
        for peer in peers.values():
            peer.send(start=task)
    else:
        check_port(cluster)
        chief, message = join(cluster, digest(agreed), timeout)
        peers = {0: chief}
        if "start" not in message:
            chief.close()
            return str(message.get("end"))
        task = message["start"]
    try:
        _run(cluster, [cluster.index], peers, task, train, timeout)
    finally:
        for peer in peers.values():
            peer.close()
    return ""


def _run(
    cluster: Cluster, here: Sequence[int], peers: Mapping[int, Peer], task: Task, train: Train, timeout: float
) -> None:
    """Runs the workers of this machine until all have ended, here and elsewhere."""
    workers: list[Worker] = []
    try:
        for index in here:
            workers.append(start_worker(cluster, index, peers, task, train))
        failure = _watch(cluster, workers, peers, timeout)
        if failure is not None:
            _tell(cluster, workers[0].index, peers, failure)
            sys.stderr.write(failure.trace)
            raise failure.error
        for peer in peers.values():
            peer.send(end=True)
    finally:
        # They have nothing to tidy up: files are replaced at once, and TensorFlow may ignore a SIGTERM.
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()


def _watch(cluster: Cluster, workers: list[Worker], peers: Mapping[int, Peer], timeout: float) -> Failure | None:
    """Waits for the end of the training; returns what ended it too early.

    The chief's side ends when all workers are done, another's when the chief says so: all need each other until then.
    """
    chief = workers[0].index == 0
    working: dict[Any, Worker | int] = {worker.pipe: worker for worker in workers}
    working |= {peer: index for index, peer in peers.items()}
    meeting, done = {worker.index for worker in workers}, set[int]()
    failure: Failure | None = None
    deadline = time.monotonic() + timeout
    while working:
        left = max(0.0, deadline - time.monotonic()) if meeting or failure else None
        # Those of this machine first: once the chief is done, the end of another is no failure.
        order: list[Any] = list(working)
        ready: list[Any] = sorted(wait(order, left), key=order.index)
        if not ready:
            return failure or Failure(_not_met(cluster, meeting, timeout))
        for each in ready:
            worker = working[each]
            index = worker.index if isinstance(worker, Worker) else worker
            for news in _news_of(cluster, worker) if isinstance(worker, Worker) else _messages(cluster, index, each):
                if isinstance(news, Failure):
                    del working[each]
                    if chief and 0 in done:  # The model is complete.
                        done.add(index)
                    elif not news.consequence:
                        return news
                    elif failure is None:
                        failure = news
                        deadline = time.monotonic() + (_CAUSE_ON_HOSTS if peers else _CAUSE)
                    break
                if "end" in news:  # The chief's end is everybody's.
                    return None
                meeting.discard(index)
                if "done" in news:
                    done.add(index)
                    if not chief and isinstance(worker, Worker):
                        peers[0].send(done=True)
        if chief and 0 in done and (failure is not None or len(done) == len(cluster.workers)):
            return None
    return failure


def _news_of(cluster: Cluster, worker: Worker) -> list[Mapping[str, Any] | Failure]:
    """Returns what a worker of this machine tells; its end, if it was killed."""
    try:
        return [worker.pipe.recv()]
    except EOFError:
        worker.process.join()
    code = worker.process.exitcode or 0
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    text = f"{escape(cluster.name(worker.index))} {how}, so all workers ended; the next start goes on from the backup"
    # TensorFlow aborts workers that have lost another one.
    return [Failure(WorkerError(text), consequence=code == -signal.SIGABRT)]


def _not_met(cluster: Cluster, meeting: Collection[int], timeout: float) -> WorkerError:
    """Returns the error of workers that TensorFlow does not connect with the others."""
    names = ", ".join(cluster.name(index) for index in sorted(meeting))
    return WorkerError(
        f"TensorFlow of {escape(names)} did not meet the others within {{worker_timeout_seconds}}={timeout:g}; "
        f"{escape(', '.join(cluster.workers))} must reach each other at these ports, or raise "
        "{worker_timeout_seconds}"
    )


def _messages(cluster: Cluster, index: int, peer: Peer) -> list[Mapping[str, Any] | Failure]:
    """Returns what another host tells; its end, if it says nothing any more."""
    messages = peer.receive()
    if messages is None:
        text = f"{escape(cluster.name(index))} ended, or its host cannot be reached any more, so all workers ended"
        return [Failure(WorkerError(f"{text}; the next start goes on from the backup"))]
    return [
        Failure(WorkerError(message["failed"]), bool(message.get("consequence"))) if "failed" in message else message
        for message in messages
    ]


def _tell(cluster: Cluster, own: int, peers: Mapping[int, Peer], failure: Failure) -> None:
    """Tells other hosts why the training ends; errors of workers name theirs already."""
    error = failure.error
    if isinstance(error, SettingError):
        text = error.template[:_ERROR]
    else:
        text = escape(f"{type(error).__name__}: {error}"[:_ERROR])
    if not isinstance(error, WorkerError):
        text = f"{escape(cluster.name(own))} failed: {text}"
    for peer in peers.values():
        peer.send(failed=text, consequence=failure.consequence)


def _held_port() -> socket.socket:
    """Returns a socket that has a free port, and lets TensorFlow have it, too."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("", 0))
    return holder
