"""Claim of a node of a run: a lock file that its process holds while it works.

    OUTPUT/artifacts/.running/Trainer-5d1f2c93a7b04e68.json

The system ends a lock with its process, however that ends. So a file without a lock tells that the node was killed with
all that could have recorded its end. The next node to start, of whatever run, records it and removes what is left.

Some network file systems keep a lock from the processes of other hosts. So a node also sets the time of its file again
and again, and another host takes it for killed only if it has not done so for `SILENCE` seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2

from ...file_lock import is_named, lock
from ...remote import is_remote
from ..errors import ConfigurationError
from .node_of_run import FOLDER, NodeOfRun
from .supervisor import Ended

# Seconds to wait for a process that was killed a moment ago, or that is about to end.
PATIENCE = 10.0
_POLL = 0.1
# Seconds between two signs of life, and those without one after which another host takes a node for killed.
_BEAT = 20.0
SILENCE = 300.0

KILLED = "its process was killed, or its end could not be recorded then; a later run found it and goes on from there"


class Claim:
    """Held claim of a node.

    Attributes:
        stays: Whether its file stays when its process lets go, so that a later run closes the node: its end could not
            be recorded.
    """

    def __init__(self) -> None:
        """Makes a claim whose file does not stay."""
        self.stays = False


@contextlib.contextmanager
def claimed(node: NodeOfRun) -> Iterator[Claim]:
    """Holds the claim of a node while the block runs, and closes nodes before that were killed.

    On an object store, on a file system without locks and where the file cannot be written, nothing is claimed: the
    node works as it would without.

    Raises:
        ConfigurationError: If another process does the same node of the same run, and has not ended `PATIENCE` seconds
            later.
    """
    claim = Claim()
    if is_remote(node.root):
        yield claim
        return
    close_killed(node.root, node.connection)
    descriptor = _take(node)
    if descriptor is None:
        yield claim
        return
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(descriptor, ended), daemon=True)
    beating.start()
    try:
        yield claim
    finally:
        ended.set()
        beating.join()
        try:
            if not claim.stays and is_named(descriptor, node.file()):
                node.file().unlink()
        except OSError as error:  # A later run removes it.
            print(f"{node.file()}: could not be removed ({error})")
        finally:
            os.close(descriptor)


def close_killed(root: str, connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Closes the nodes that were killed, of all runs that wrote to a folder and to this ML Metadata.

    Those of other hosts are closed once they have given no sign of life for `SILENCE` seconds.

    Args:
        root: The folder of all artifacts.
        connection: A resolved connection.
    """
    for file in sorted(Path(root, FOLDER).glob("*.json")):
        with contextlib.suppress(OSError):  # It works, or somebody else has just closed it.
            descriptor = lock(file, wait=False, create=False)
            try:
                if is_named(descriptor, file):
                    _close(descriptor, file, root, connection)
            finally:
                os.close(descriptor)


def close_ended(node: NodeOfRun, ended: Ended) -> None:
    """Closes a node whose process has ended without recording it.

    It does nothing if that process had not claimed the node, since another process may be at work on it.

    Args:
        node: The node that the process was started for.
        ended: The end of the process.
    """
    if is_remote(node.root):
        # No claim tells whether it had begun. SIGTERM kills it at once only while it has not.
        if ended.code != -signal.SIGTERM:
            node.close(ended.reason())
        return
    file = node.file()
    owner = (socket.gethostname(), ended.process)
    deadline = time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):  # It had no claim, or somebody else has just closed it.
        while _owner(file.read_bytes()) == owner:
            try:
                descriptor = lock(file, wait=False, create=False)
            except BlockingIOError:  # What it had started was killed with it, but is not gone yet.
                if time.monotonic() > deadline:
                    return
                time.sleep(_POLL)
                continue
            try:
                if is_named(descriptor, file) and _owner(_content(descriptor)) == owner:
                    node.close(ended.reason(node.places()))
            finally:
                os.close(descriptor)
            return


def _close(descriptor: int, file: Path, root: str, connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Closes the node of a claim whose lock this process has, unless it may be at work on another host."""
    try:
        claim = json.loads(_content(descriptor))
        node = NodeOfRun(root, claim["pipeline"], claim["run_id"], claim["node"], connection)
    except (ValueError, KeyError, TypeError):  # Its process was killed before it began to work.
        file.unlink()
        return
    # If the names differ, its records are in another store, which a later run may open.
    if node.file() == file and not _may_work_elsewhere(descriptor):
        node.close(KILLED)


def _take(node: NodeOfRun) -> int | None:
    """Returns the descriptor that holds the claim; None if there can be none."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            descriptor = _try_to_take(node)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigurationError(_refusal(node)) from None
            time.sleep(_POLL)
            continue
        except OSError:
            return None
        if descriptor is not None:
            return descriptor


def _try_to_take(node: NodeOfRun) -> int | None:
    """Returns the descriptor that holds the claim; None if the file was removed meanwhile, here or elsewhere.

    Raises:
        BlockingIOError: Another process has the claim.
        OSError: There can be none.
    """
    file = node.file()
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = lock(file, wait=False)
    try:
        # Whoever held it was killed after `close_killed` had looked.
        if is_named(descriptor, file) and os.fstat(descriptor).st_size:
            if _may_work_elsewhere(descriptor):
                raise BlockingIOError
            _close(descriptor, file, node.root, node.connection)
        if is_named(descriptor, file):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(node.content()).encode(), 0)
            if is_named(descriptor, file):
                return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _beat(descriptor: int, ended: threading.Event) -> None:
    """Tells other hosts that this process lives."""
    while not ended.wait(_BEAT):
        with contextlib.suppress(OSError):
            os.utime(descriptor)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _owner(content: bytes) -> tuple[str, int] | None:
    """Returns the host and the process of a claim; None if it does not tell them."""
    try:
        claim = json.loads(content)
        return str(claim["host"]), int(claim["process"])
    except (ValueError, KeyError, TypeError):
        return None


def _may_work_elsewhere(descriptor: int) -> bool:
    """Returns whether a claim without a lock is of another host, and its process has given a sign of life."""
    owner = _owner(_content(descriptor))
    silent = time.time() - os.fstat(descriptor).st_mtime
    return owner is not None and owner[0] != socket.gethostname() and silent < SILENCE


def _refusal(node: NodeOfRun) -> str:
    try:
        owner = _owner(node.file().read_bytes())
    except OSError:
        owner = None
    who, killed = "another process", ""
    if owner is not None:
        who = f"process {owner[1]} of {owner[0]}"
        if owner[0] != socket.gethostname():
            killed = f" (if it was killed, try again after {SILENCE / 60:g} minutes)"
    return (
        f"--node {node.node_id}: {who} does it for run {node.run_id} now; wait for its end, end it{killed}, or choose "
        "another --run-id"
    )
