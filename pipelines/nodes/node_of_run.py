"""Node of one run: where its process claims it, and how it is closed if that process ended without a record."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from ...remote import is_remote
from ..errors import ConfigurationError
from ..metadata.metadata_store import shown_url
from ..metadata.run_records import fail_unfinished
from .scratch import outer_temporary_folder

FOLDER = ".running"


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
    # It may hold a password.
    connection: metadata_store_pb2.ConnectionConfig = field(repr=False)

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

    def places(self) -> dict[str, Path]:
        """Returns the local folders that the node writes to, by the setting that names each; see `storage_failure`."""
        places = {"TMPDIR": outer_temporary_folder()}
        if not is_remote(self.root):
            root = Path(self.root)
            places["output"] = root.parent if root.name == "artifacts" else root
        if self.connection.WhichOneof("config") == "sqlite":
            places["metadata"] = Path(self.connection.sqlite.filename_uri).parent
        return places

    def close(self, reason: str) -> None:
        """Records that the node failed, unless it had ended, and removes what it left and its claim.

        Its process is dead, and the caller holds the claim's lock, so that no other can begin the node meanwhile.

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
