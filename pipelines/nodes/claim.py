"""Claim of a node of a run: a lock file that its process holds while it works.

    OUTPUT/artifacts/.running/Trainer-5d1f2c93a7b04e68.json

The system ends a lock with its process, however that ends. So a file without a lock tells that the node was killed with
all that could have recorded its end. The next node to start, of whatever run, records it and removes what is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from ...file_lock import lock
from ...remote import is_remote
from ..errors import ConfigurationError
from ..metadata.metadata_store import shown_url
from ..metadata.run_records import fail_unfinished

FOLDER = ".running"
# Seconds to wait for a process that was killed a moment ago, or that is about to end.
PATIENCE = 10.0
_POLL = 0.1

KILLED = "its process was killed, and nothing was left to record it; a later run found it and goes on from there"


@dataclass(frozen=True)
class NodeOfRun:
    """A node of one run.

    Attributes:
        root: The folder of all artifacts of the pipeline; its nodes are claimed only if it is on a local file system.
        pipeline: The pipeline's name.
        run_id: The run's id.
        node_id: The node's id.
        connection: ML Metadata, as a resolved connection.
    """

    root: str
    pipeline: str
    run_id: str
    node_id: str
    connection: metadata_store_pb2.ConnectionConfig

    def content(self) -> dict[str, Any]:
        """Returns what the claim says: which node of which run, and who does it."""
        return {
            "metadata": shown_url(self.connection),
            "pipeline": self.pipeline,
            "run_id": self.run_id,
            "node": self.node_id,
            "host": socket.gethostname(),
            "process": os.getpid(),
        }

    def file(self) -> Path:
        """Returns the claim's file."""
        key = json.dumps([shown_url(self.connection), self.pipeline, self.run_id, self.node_id])
        return Path(self.root, FOLDER, f"{self.node_id}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json")

    def close(self, reason: str) -> None:
        """Records that the node failed, unless it had ended, and removes what it left; its process is dead.

        Args:
            reason: Why it failed.
        """
        try:
            unfinished = fail_unfinished(self.connection, self.pipeline, self.run_id, self.node_id, reason)
        # The claim stays, so that a later run tries again.
        except (OSError, ConfigurationError, mlmd.errors.StatusError) as error:
            print(f"The failure could not be recorded in ML Metadata: {error}")
            return
        for execution in unfinished:
            remove_unfinished(self.root, self.node_id, execution)
        if not is_remote(self.root):
            with contextlib.suppress(OSError):
                self.file().unlink()


@contextlib.contextmanager
def claimed(node: NodeOfRun) -> Iterator[None]:
    """Holds the claim of a node while the block runs, and closes nodes before that were killed.

    On an object store, on a file system without locks and where the file cannot be written, nothing is claimed: the
    node works as it would without.

    Raises:
        ConfigurationError: If another process does the same node of the same run, and has not ended `PATIENCE` seconds
            later.
    """
    if is_remote(node.root):
        yield
        return
    close_killed(node.root, node.connection)
    descriptor = _take(node)
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                node.file().unlink()
            os.close(descriptor)


def close_killed(root: str, connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Closes the nodes that were killed, of all runs that wrote to a folder and to this ML Metadata.

    Args:
        root: The folder of all artifacts.
        connection: A resolved connection.
    """
    for file in sorted(Path(root, FOLDER).glob("*.json")):
        with contextlib.suppress(OSError):  # It works, or somebody else has just closed it.
            descriptor = lock(file, wait=False)
            try:
                _close(file, root, connection)
            finally:
                os.close(descriptor)


def remove_unfinished(root: str, node_id: str, execution: metadata_store_pb2.Execution) -> None:
    """Removes the folders that TFX made for an execution that ended without success.

    Args:
        root: The folder of all artifacts.
        node_id: The node.
        execution: Its execution.
    """
    if is_remote(root):
        return
    node = Path(root, node_id)
    working = execution.custom_properties["__stateful_working_dir_index__"].string_value
    for pattern in (
        f"*/{execution.id}",
        f".system/*/{execution.id}",
        *([f".system/stateful_working_dir/{working}"] if working else []),
    ):
        for folder in node.glob(pattern):
            shutil.rmtree(folder, ignore_errors=True)


def _close(file: Path, root: str, connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Closes the node of a claim whose lock this process has."""
    try:
        claim = json.loads(file.read_text(encoding="utf-8"))
        node = NodeOfRun(root, claim["pipeline"], claim["run_id"], claim["node"], connection)
    except (ValueError, KeyError, TypeError):  # Its process was killed before it began to work.
        file.unlink()
        return
    if node.file() == file:  # Otherwise its records are in another store, which a later run may open.
        node.close(KILLED)


def _take(node: NodeOfRun) -> int | None:
    """Returns the descriptor that holds the claim; None if there can be none."""
    file = node.file()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = lock(file, wait=False)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"--node {node.node_id}: {_holder(file)} does it for run {node.run_id} now; wait for its end, end "
                    "it, or choose another --run-id"
                ) from None
            time.sleep(_POLL)
            continue
        except OSError:
            return None
        try:
            if os.fstat(descriptor).st_size:  # Whoever held it was killed after `close_killed` had looked.
                _close(file, node.root, node.connection)
            if os.fstat(descriptor).st_nlink:  # Otherwise it was removed, here or by whoever held it.
                os.write(descriptor, json.dumps(node.content()).encode())
                return descriptor
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def _holder(file: Path) -> str:
    """Says who holds a claim, as far as its file tells."""
    try:
        claim = json.loads(file.read_text(encoding="utf-8"))
        return f"process {claim['process']} of {claim['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
