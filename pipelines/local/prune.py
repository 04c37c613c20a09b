"""Pruning of an output folder: deletes what old runs made and nothing newer needs.

An artifact is marked in ML Metadata (MARKED_FOR_DELETION) before its files are deleted, and as DELETED afterwards.
TFX's cache takes neither, so a pruning that is killed leaves no half of an artifact to any node; the next one goes on
from the marks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from ...exported.damage import visible_damage
from ...exported.versions import WITHDRAWN, is_version
from ...remote import is_remote
from ..config import BASELINE, PipelineConfig
from ..metadata.metadata_store import SerialSqlite, check_sqlite, connection_config, open_store, resolve_connection
from ..metadata.old_runs import RunHistory
from ..nodes.claim import close_killed
from ..results.pruned import Pruned


def prune(config: PipelineConfig) -> Pruned:
    """Deletes what old runs made, except what `keep_runs`, servers and newer runs need; see `RunHistory.old`.

    The caller holds the output folder's lock.

    Args:
        config: The configuration of the runs, with `keep_runs`.

    Raises:
        ConfigurationError: ML Metadata cannot be opened.
    """
    if config.keep_runs is None:
        raise ValueError("keep_runs is not set")
    output = Path(config.output_folder())
    connection = resolve_connection(connection_config(config.metadata_url()))
    close_killed(str(output / "artifacts"), connection)
    lock = SerialSqlite(connection)
    with _held(lock):
        check_sqlite(connection)
        store: mlmd.MetadataStore = open_store(connection)
        old = RunHistory(store, config.name).old(config.keep_runs, *_versions(output / "serving"))
        artifacts = _deletable(old.artifacts, config, output / "artifacts")
        _mark(store, artifacts, metadata_store_pb2.Artifact.MARKED_FOR_DELETION)
    pruned = Pruned(runs=old.runs if artifacts else 0)
    deleted = [artifact for artifact in artifacts if _delete(Path(artifact.uri), pruned)]
    pruned.artifacts = len(deleted)
    with _held(lock):
        _mark(store, deleted, metadata_store_pb2.Artifact.DELETED)
    for folder in output.glob("artifacts/*/.system/*/*"):
        if folder.name.isdecimal() and int(folder.name) in old.execution_ids:
            _delete(folder, pruned)
    for backups in ("training_backup", "tuning_backup"):
        for backup in _written_before(old.kept_since, output / backups):
            pruned.backups += _delete(backup, pruned)
    for log in _written_before(old.kept_since, output / "logs"):
        pruned.logs += _delete(log, pruned)
    return pruned


@contextlib.contextmanager
def _held(lock: SerialSqlite) -> Iterator[None]:
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _versions(serving: Path) -> tuple[list[str], list[str]]:
    """Returns the names of all versions that are there, and of the newest ones down to the first undamaged one."""
    names = [path.name for path in serving.iterdir()] if serving.is_dir() else []
    seen = sorted((name for name in names if is_version(name)), key=int, reverse=True)
    served = []
    for name in seen:
        served.append(name)
        with contextlib.suppress(OSError):  # Nobody knows whether it is damaged.
            if visible_damage(str(serving / name)) is None:
                break
    return [name.removeprefix(WITHDRAWN) for name in names], served


def _deletable(
    artifacts: list[metadata_store_pb2.Artifact], config: PipelineConfig, root: Path
) -> list[metadata_store_pb2.Artifact]:
    """Returns the artifacts below the folder of all artifacts that do not hold a file of the configuration."""
    start = config.trainer.warm_start
    named = [Path(path).resolve() for path in (start, config.vocabulary.file) if path and path != BASELINE]
    root, deletable = root.resolve(), []
    for artifact in artifacts:
        if is_remote(artifact.uri):
            continue
        folder = Path(artifact.uri).resolve()
        # Not the folder of a node, which holds those of other artifacts.
        below = folder.is_relative_to(root) and len(folder.relative_to(root).parts) > 2
        if below and not any(path.is_relative_to(folder) for path in named):
            deletable.append(artifact)
    return deletable


def _mark(store: mlmd.MetadataStore, artifacts: list[metadata_store_pb2.Artifact], state: int) -> None:
    for artifact in artifacts:
        artifact.state = state
    if artifacts:
        store.put_artifacts(artifacts)


def _written_before(time: float, folder: Path) -> list[Path]:
    """Returns the files and folders in a folder that were written last before a time."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    return [entry for entry in entries if max(file.lstat().st_mtime for file in [entry, *_files(entry)]) < time]


def _delete(path: Path, pruned: Pruned) -> bool:
    """Deletes a file or folder and counts its bytes; returns False, with a sentence, if it stays."""
    size = _size(path)
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        pruned.problems.append(
            f"{path}: cannot be deleted ({error.strerror or error}); make it writable, and the next run with keep_runs "
            "tries again"
        )
        return False
    pruned.bytes += size
    return True


def _files(path: Path) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(path) for name in names]


def _size(path: Path) -> int:
    files = _files(path) if path.is_dir() and not path.is_symlink() else [path] if path.exists() else []
    return sum(file.lstat().st_size for file in files)
