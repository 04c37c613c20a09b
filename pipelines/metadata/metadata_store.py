"""Connections to ML Metadata."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import ml_metadata as mlmd
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2

from ... import file_lock
from ...home_folder import expand_home
from ..errors import ConfigurationError
from .metadata_url import PASSWORD_VARIABLE, URL_VARIABLE, parse_metadata_url

Store = TypeVar("Store", bound=mlmd.MetadataStore)

REMEDY = "make it with `tfx-lm compile --runner airflow --output FILE`"


def connection_config(url: str, source: str = "metadata") -> metadata_store_pb2.ConnectionConfig:
    """Returns the connection of a URL, for TFX.

    Args:
        url: See `metadata_url.parse_metadata_url`.
        source: The setting that holds the URL, for errors.

    Raises:
        ConfigurationError: If it is not such a URL.
    """
    parts = parse_metadata_url(url, source)
    connection = metadata_store_pb2.ConnectionConfig()
    if parts.kind == "sqlite":
        connection.sqlite.filename_uri = str(Path(expand_home(parts.database)).resolve())
        connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        return connection
    server = connection.postgresql if parts.kind == "postgresql" else connection.mysql
    server.host, server.user, server.password = parts.host, parts.user, parts.password
    if parts.kind == "postgresql":
        server.port, server.dbname = str(parts.port), parts.database
    else:
        server.port, server.database = parts.port, parts.database
    # Users may be allowed to fill a database but not to create one.
    server.skip_db_creation = True
    return connection


def make_folder(connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Makes the folder of a SQLite file, which ML Metadata does not; does nothing for a server."""
    if connection.WhichOneof("config") == "sqlite":
        Path(connection.sqlite.filename_uri).parent.mkdir(parents=True, exist_ok=True)


def compiled_connection(pipeline_file: Path) -> metadata_store_pb2.ConnectionConfig:
    """Returns the connection that a compiled pipeline names, without importing TFX.

    Args:
        pipeline_file: The compiled pipeline's JSON file.

    Raises:
        ConfigurationError: If there is no such file, or it is no compiled pipeline.
    """
    with _reading(pipeline_file) as tree:
        fields = dict(tree["deploymentConfig"]["metadataConnectionConfig"])
        del fields["@type"]
        return json_format.ParseDict(fields, metadata_store_pb2.ConnectionConfig())


def compiled_name(pipeline_file: Path) -> str:
    """Returns the name of a compiled pipeline; see `compiled_connection`."""
    with _reading(pipeline_file) as tree:
        return str(tree["pipelineInfo"]["id"])


def compiled_root(pipeline_file: Path) -> str:
    """Returns the folder of all artifacts of a compiled pipeline; see `compiled_connection`."""
    with _reading(pipeline_file) as tree:
        return str(tree["runtimeSpec"]["pipelineRoot"]["runtimeParameter"]["defaultValue"]["stringValue"])


@contextmanager
def _reading(pipeline_file: Path) -> Iterator[dict[str, Any]]:
    try:
        yield json.loads(pipeline_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError, TypeError, json_format.ParseError) as error:
        raise ConfigurationError(f"--pipeline {pipeline_file}: no compiled pipeline ({error}); {REMEDY}") from error


def resolve_connection(compiled: metadata_store_pb2.ConnectionConfig) -> metadata_store_pb2.ConnectionConfig:
    """Returns the connection to use in this process: the environment's if it names one, and with the password.

    Args:
        compiled: The compiled pipeline's connection, without a password.

    Returns:
        A new message.

    Raises:
        ConfigurationError: If the environment's URL is invalid.
    """
    connection = metadata_store_pb2.ConnectionConfig()
    if url := os.environ.get(URL_VARIABLE):
        connection = connection_config(url, URL_VARIABLE)
    else:
        connection.CopyFrom(compiled)
    kind = connection.WhichOneof("config")
    if kind in ("postgresql", "mysql"):
        server = getattr(connection, kind)
        server.password = server.password or os.environ.get(PASSWORD_VARIABLE, "")
    return connection


class SerialSqlite:
    """A lock file that lets one process at a time into a SQLite store; does nothing for a server.

    SQLite refuses a second writer at once, and ML Metadata does not retry: four processes without a lock lost writes.
    TFX connects only briefly, before and after a node's work, so no process waits long.
    """

    def __init__(self, connection: metadata_store_pb2.ConnectionConfig) -> None:
        """Args: connection: A resolved connection."""
        self._connection = connection
        is_sqlite = connection.WhichOneof("config") == "sqlite"
        self._path = Path(f"{connection.sqlite.filename_uri}.lock") if is_sqlite else None
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Waits until no other process is inside.

        Raises:
            ConfigurationError: The file system has no locks.
        """
        if self._path is not None:
            make_folder(self._connection)
            try:
                self._descriptor = file_lock.lock(self._path)
            except file_lock.NoLocksError as error:
                raise ConfigurationError(f"metadata: {error}, or set metadata to a database server") from error

    def release(self) -> None:
        """Lets the next process in; the file stays."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> SerialSqlite:
        """Waits as `acquire` does."""
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        """Lets the next process in."""
        self.release()


def open_store(
    connection: metadata_store_pb2.ConnectionConfig,
    kind: Callable[..., Store] = mlmd.MetadataStore,
    **options: Any,
) -> Store:
    """Connects to ML Metadata.

    ML Metadata itself tries again while another program has a SQLite file locked, for 45 seconds.

    Args:
        connection: A resolved connection.
        kind: The class of the store.
        **options: More arguments of that class.

    Raises:
        ConfigurationError: If the store cannot be opened; if its tables are too old, or if another program has it
            locked, with the remedy.
    """
    try:
        return kind(connection, **options)
    # ML Metadata raises RuntimeError for all errors of a store.
    except (RuntimeError, mlmd.errors.StatusError) as error:
        url = shown_url(connection)
        if versions := re.search(r"database version (\d+) is older than library version (\d+)", str(error)):
            raise ConfigurationError(
                f"metadata={url}: its tables are those of an older ML Metadata (schema {versions[1]}, this release "
                f"needs {versions[2]}); make a copy of them, then run `tfx-lm init-metadata --metadata {url} --upgrade`"
            ) from error
        if "Concurrent writes aborted" in str(error):
            raise ConfigurationError(
                f"metadata={url}: another program has it locked; end that program (`fuser` with the file's name shows "
                "it), and run again"
            ) from error
        raise ConfigurationError(f"metadata={url}: cannot be opened ({error})") from error


def check_there(
    connection: metadata_store_pb2.ConnectionConfig,
    remedy: str = f"set output and metadata (or {URL_VARIABLE}) as in the runs",
) -> None:
    """Checks that a SQLite file is there, before opening it makes one; does nothing for a server.

    Args:
        connection: A resolved connection.
        remedy: What the user can do; the end of the message.

    Raises:
        ConfigurationError: There is no such file.
    """
    if connection.WhichOneof("config") == "sqlite" and not Path(connection.sqlite.filename_uri).is_file():
        raise ConfigurationError(
            f"metadata={shown_url(connection)}: no such file, so there is no record of a run; {remedy}"
        )


def check_sqlite(connection: metadata_store_pb2.ConnectionConfig) -> None:
    """Looks for damage of a SQLite file; does nothing for a server. A damaged one makes ML Metadata end the process.

    Args:
        connection: A resolved connection; the caller holds `SerialSqlite`.

    Raises:
        ConfigurationError: The file is damaged.
    """
    file = Path(connection.sqlite.filename_uri)
    if connection.WhichOneof("config") != "sqlite" or not file.is_file():
        return
    try:
        with contextlib.closing(sqlite3.connect(file)) as database:
            (problem,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError:  # Locked, or it cannot be read: `open_store` waits, and says so.
        return
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        problem = problem.splitlines()[-1]
        raise ConfigurationError(
            f"metadata={shown_url(connection)}: the file is damaged ({problem}); bring back a copy of it, or move it "
            "away: the next run then begins without records, and does every node again"
        )


def initialize_store(connection: metadata_store_pb2.ConnectionConfig, upgrade: bool = False) -> None:
    """Creates missing tables.

    Processes that do so at the same time would fail, so call it before a pipeline's first nodes.

    Args:
        connection: A resolved connection.
        upgrade: Whether to upgrade tables of an older ML Metadata. Older releases then refuse them.

    Raises:
        ConfigurationError: See `check_sqlite` and `open_store`.
    """
    with SerialSqlite(connection):
        check_sqlite(connection)
        open_store(connection, enable_upgrade_migration=upgrade)


def shown_url(connection: metadata_store_pb2.ConnectionConfig) -> str:
    """Returns the URL of a connection, without a password."""
    kind = connection.WhichOneof("config")
    if kind == "sqlite":
        return f"sqlite:///{quote(connection.sqlite.filename_uri)}"
    server = getattr(connection, kind)
    database = server.dbname if kind == "postgresql" else server.database
    return f"{kind}://{quote(server.user)}@{server.host}:{server.port}/{quote(database)}"
