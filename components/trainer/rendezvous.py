"""Meeting of the workers of a training before it starts, at the chief's address.

TensorFlow waits for workers without a word and without an end. So the process that watches the chief first waits for
one connection from each other host, and names those that do not come. The connections stay: one that ends tells that
its host is gone.

    chief                       worker 1
      listens at its address
      │ ◄──── hello: 1, its options ────
      ──── welcome ────►                   or `failed`, with the reason
      … until all have come
      ──── start: the task ────►           or `failed`: who has not come
      both start TensorFlow, the chief's at the same address
"""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from multiprocessing.connection import wait
from typing import Any

from ...errors import SettingError, escape
from ...progress import report
from .cluster import Cluster, host_and_port
from .peer import HELLO_BYTES, TASK_BYTES, Peer

# Seconds between two tries to reach the chief, and those that one may take.
_RETRY = 0.5
_CONNECTING = 5.0
# Connections that have not said yet whose they are.
_STRANGERS = 100


class WorkerError(SettingError):
    """A worker that did not come, or that ended before the training did."""


def digest(task: Mapping[str, Any]) -> str:
    """Returns a digest of what all workers of a training must agree on."""
    return hashlib.sha256(json.dumps(task, sort_keys=True).encode()).hexdigest()[:16]


def gather(
    cluster: Cluster, agreed: str, timeout: float, clock: Callable[[], float] = time.monotonic
) -> dict[int, Peer]:
    """Waits, as the chief, until all other workers have come.

    Args:
        cluster: The workers; the first is this one.
        agreed: The digest of the training.
        timeout: Seconds to wait.
        clock: Returns the time, seconds.

    Returns:
        The connection to each other worker, by its index.

    Raises:
        WorkerError: Names those that have not come.
        SettingError: The address cannot be used.
    """
    deadline = clock() + timeout
    came: dict[int, Peer] = {}
    strangers: list[Peer] = []
    with _listener(cluster.workers[0]) as listener:
        report(f"waits for {_names(cluster, came)}")
        while _missing(cluster, came):
            left = deadline - clock()
            if left <= 0:
                text = (
                    f"{escape(_names(cluster, came))} did not come within {{worker_timeout_seconds}}={timeout:g}; "
                    "start each with the same addresses, check that its host reaches this one, or raise "
                    "{worker_timeout_seconds}"
                )
                _dismiss([*came.values(), *strangers], failed=text)
                raise WorkerError(text)
            # Who has gone first: it may have come back.
            order: list[Any] = [*came.values(), *strangers, listener]
            for ready in sorted(wait(order, left), key=order.index):
                if ready is listener:
                    _accept(listener, strangers)
                    continue
                assert isinstance(ready, Peer)
                messages = ready.receive()
                if messages == []:
                    continue
                if ready in strangers:
                    strangers.remove(ready)
                    index = _come(cluster, agreed, came, ready, messages)
                    if index is not None:
                        came[index] = ready
                        if _missing(cluster, came):
                            report(f"waits for {_names(cluster, came)}")
                        continue
                came = {index: peer for index, peer in came.items() if peer is not ready}
                ready.close()
    _dismiss(strangers, failed="the training has started without it")
    return came


def send_home(cluster: Cluster, reason: str, timeout: float, failed: bool = False) -> None:
    """Tells, as the chief, all other workers that there is nothing to train.

    Args:
        cluster: The workers; the first is this one.
        reason: Why not.
        timeout: Seconds to wait for them.
        failed: Whether the others fail for that reason.

    Raises:
        SettingError: The address cannot be used.
    """
    message = {"failed": escape(reason)} if failed else {"end": reason}
    deadline = time.monotonic() + timeout
    told: dict[int, Peer] = {}
    strangers: list[Peer] = []
    with _listener(cluster.workers[0]) as listener:
        report(f"waits for {_names(cluster, told)}, to say that there is nothing to do")
        while _missing(cluster, told) and (left := deadline - time.monotonic()) > 0:
            watched: list[Any] = [listener, *strangers]
            for ready in wait(watched, left):
                if ready is listener:
                    _accept(listener, strangers)
                    continue
                assert isinstance(ready, Peer)
                messages = ready.receive()
                if messages != []:
                    strangers.remove(ready)
                    ready.send(**message)
                    index = messages[0].get("index") if messages else None
                    if isinstance(index, int):
                        told[index] = ready
                    ready.close()
    _dismiss(strangers, **message)


def join(cluster: Cluster, agreed: str, timeout: float) -> tuple[Peer, dict[str, Any]]:
    """Waits, as another worker, for the chief, and then until the chief has all workers.

    Args:
        cluster: The workers, and which of them this one is.
        agreed: The digest of the training.
        timeout: Seconds to wait for the chief.

    Returns:
        The connection to the chief, and the message with which it starts the training, or ends it.

    Raises:
        WorkerError: The chief did not come, or it tells why it does not start.
    """
    deadline = time.monotonic() + timeout
    report(f"waits for {cluster.name(0)}")
    while True:
        try:
            connection = socket.create_connection(host_and_port(cluster.workers[0]), _CONNECTING)
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
        else:
            peer = Peer(connection, TASK_BYTES)
            peer.send(index=cluster.index, workers=cluster.workers, agreed=agreed)
            if (answer := _answer(peer, deadline)) == {"welcome": True}:
                report("waits for the other workers")
                answer = _answer(peer, None)
            if answer is not None and "failed" in answer:
                peer.close()
                raise WorkerError(f"{escape(cluster.name(0))} says: {answer['failed']}")
            if answer is not None:
                return peer, answer
            peer.close()
            reason = "something at this address is not the training, or it has ended"
        if (left := deadline - time.monotonic()) <= 0:
            raise WorkerError(
                f"{escape(cluster.name(0))} did not come within {{worker_timeout_seconds}}={timeout:g} "
                f"({escape(reason)}); start it with the same addresses, check that this host reaches it, or raise "
                "{worker_timeout_seconds}"
            )
        time.sleep(min(_RETRY, left))


def check_port(cluster: Cluster) -> None:
    """Checks that nothing else uses the port at which this worker's TensorFlow will listen.

    Raises:
        SettingError: Something does.
    """
    _listener(cluster.workers[cluster.index]).close()


def _accept(listener: socket.socket, strangers: list[Peer]) -> None:
    """Accepts a connection that may be anybody's; of too many, it takes the place of the oldest silent one."""
    if len(strangers) >= _STRANGERS and not _drop_silent(strangers):
        return
    try:
        strangers.append(Peer(listener.accept()[0], HELLO_BYTES))
    except OSError:  # It has gone again, or this process has no free descriptor.
        if not _drop_silent(strangers):
            time.sleep(_RETRY)


def _drop_silent(strangers: list[Peer]) -> bool:
    """Ends the oldest connection of which nothing is to be read; returns whether there was one."""
    watched: list[Any] = strangers
    ready = wait(watched, 0)
    for peer in strangers:
        if peer not in ready:
            strangers.remove(peer)
            peer.close()
            return True
    return False


def _come(
    cluster: Cluster, agreed: str, came: Mapping[int, Peer], peer: Peer, messages: list[dict[str, Any]] | None
) -> int | None:
    """Returns the index of a worker that has come; None if it is none of this training, which it is told."""
    hello = messages[0] if messages else {}
    index = hello.get("index")
    if hello.get("workers") != list(cluster.workers):
        peer.send(failed=f"its workers are {escape(', '.join(cluster.workers))}; give each worker the same addresses")
    elif not isinstance(index, int) or not 0 < index < len(cluster.workers):
        peer.send(failed=f"it is worker {escape(index)} itself; give each worker an index of its own")
    elif index in came:
        peer.send(failed=f"{escape(cluster.name(index))} has come already; give each worker an index of its own")
    elif hello.get("agreed") != agreed:
        peer.send(
            failed=f"{escape(cluster.name(index))} has other options or another version of tfx-lm; give each worker "
            "the same compiled pipeline and parameters, and install the same version"
        )
    else:
        peer.send(welcome=True)
        return index
    return None


def _answer(peer: Peer, deadline: float | None) -> dict[str, Any] | None:
    """Returns the newest message of the chief; None if the connection ends, or if it is late."""
    watched: list[Any] = [peer]
    while True:
        if not wait(watched, None if deadline is None else max(0.0, deadline - time.monotonic())):
            return None
        messages = peer.receive()
        if messages is None:
            return None
        if messages:
            return messages[-1]


def _listener(address: str) -> socket.socket:
    """Listens on all IPv4 addresses of this machine, as TensorFlow does there later."""
    port = host_and_port(address)[1]
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise SettingError(
            f"port {port} of this machine, of {escape(address)}: cannot be used ({error.strerror}); end what uses it, "
            "or give the workers another port"
        ) from error


def _missing(cluster: Cluster, came: Mapping[int, Peer]) -> list[int]:
    return [index for index in range(1, len(cluster.workers)) if index not in came]


def _names(cluster: Cluster, came: Mapping[int, Peer]) -> str:
    return ", ".join(map(cluster.name, _missing(cluster, came)))


def _dismiss(peers: Iterable[Peer], **message: Any) -> None:
    for peer in peers:
        peer.send(**message)
        peer.close()
