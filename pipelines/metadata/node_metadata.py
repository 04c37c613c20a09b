"""ML Metadata for nodes: TFX's connection, for one process at a time on SQLite, and safe on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from .metadata_store import SerialSqlite, open_store
from .run_records import ERROR_PROPERTY, failure_message


class NodeStore(mlmd.MetadataStore):
    """A store that answers in the order of the question, and records error messages without backslashes.

    TFX's cache maps artifacts to outputs by their position in the answer. PostgreSQL answers in any order, so a cached
    Transform's graph became its examples. And ML Metadata cannot write a backslash to PostgreSQL, which every error of
    several lines has in JSON: the failure was then not recorded.
    """

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig) -> None:
        """Args: connection: A resolved connection."""
        super().__init__(connection)
        self._takes_backslashes = connection.WhichOneof("config") != "postgresql"

    def get_artifacts_by_id(self, artifact_ids: Iterable[int]) -> Sequence[Any]:
        """Returns the artifacts, in the order of `artifact_ids`."""
        ids = list(artifact_ids)
        return _in_order(ids, super().get_artifacts_by_id(ids))

    def get_artifact_types_by_id(self, type_ids: Sequence[int]) -> Sequence[Any]:
        """Returns the types, in the order of `type_ids`, with repetitions."""
        return _in_order(type_ids, super().get_artifact_types_by_id(list(dict.fromkeys(type_ids))))

    def put_execution(self, execution: metadata_store_pb2.Execution, *args: Any, **named: Any) -> Any:
        """Writes an execution; on PostgreSQL only with the message of its error, in one line."""
        if not self._takes_backslashes and ERROR_PROPERTY in execution.custom_properties:
            error = execution.custom_properties[ERROR_PROPERTY]
            error.string_value = without_backslashes(error.string_value)
        return super().put_execution(execution, *args, **named)


def _in_order(ids: Sequence[int], found: Iterable[Any]) -> list[Any]:
    by_id = {each.id: each for each in found}
    return [by_id[each] for each in ids if each in by_id]


def without_backslashes(result: str) -> str:
    r"""Returns an execution's result with a message that JSON writes without a backslash.

    Args:
        result: TFX's `ExecutionResult` as JSON, such as `{"code": 1, "resultMessage": "a\nno \"b\" in c:\\d"}`.

    Returns:
        The message in one line with other quotes and slashes: `{"code": 1, "resultMessage": "a; no 'b' in c:/d"}`.
    """
    tree = json.loads(result)
    line = "; ".join(failure_message(tree.get("resultMessage", "")).splitlines())
    plain = line.replace('"', "'").replace("\\", "/").encode("ascii", "replace").decode()
    kept = "".join(letter if letter.isprintable() else " " for letter in plain)
    return json.dumps({"code": tree.get("code", 0), "resultMessage": kept})


class NodeMetadata(metadata.Metadata):
    """TFX's connection, with a `NodeStore`, and with a SQLite file to itself while it is open."""

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig) -> None:
        """Args: connection: A resolved connection."""
        super().__init__(connection)
        self._store: mlmd.MetadataStore | None = None
        self._lock = SerialSqlite(connection)

    def __enter__(self) -> NodeMetadata:
        """Connects, unless it is connected."""
        if self._users == 0:
            self._lock.acquire()
            try:
                self._store = open_store(self._connection_config, NodeStore)
            except BaseException:
                self._lock.release()
                raise
        self._users += 1
        return self

    def __exit__(
        self,
        exc_type: type[Exception] | None = None,
        exc_value: Exception | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        """Closes the connection, unless it is in use."""
        super().__exit__(exc_type, exc_value, exc_tb)
        if self._users == 0:
            self._lock.release()

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Lets other processes into a SQLite file while the block runs, which must not use the store."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
