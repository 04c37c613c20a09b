"""Pruning of an output folder: deletes what old runs made and nothing newer needs.

An artifact is marked in ML Metadata (MARKED_FOR_DELETION) before its files are deleted, and as DELETED afterwards.
TFX's cache takes neither, so a pruning that is killed leaves no half of an artifact to any node; the next one goes on
from the marks.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from ...exported.damage import visible_damage
from ...exported.versions import WITHDRAWN, is_version
from ..config import BASELINE, PipelineConfig
from ..errors import ConfigurationError
from ..metadata.metadata_store import (
    SerialSqlite,
    check_sqlite,
    check_there,
    connection_config,
    open_store,
    resolve_connection,
    shown_url,
)
from ..metadata.old_runs import OldRuns, RunHistory
from ..nodes.claim import close_killed
from ..results.pruned import Pruned
from .old_files import files_below, old_backups, old_logs

# Custom property of the pipeline's context, JSON: for each pruned folder, the ids of the artifacts elsewhere that were
# named. A property of the artifacts would change TFX's cache keys: the runs there would do all again.
_NAMED_BY = "named_by_pruning_of"


def check_folders(config: PipelineConfig) -> None:
    """Checks that the folders and the records of the runs are there, before a lock or a store makes a file.

    A folder that is missing, such as one on a disk that is not mounted, would be taken for one without artifacts.

    Args:
        config: The configuration of the runs; the link of its output folder is there.

    Raises:
        ConfigurationError: They are not.
    """
    output = Path(config.output_folder())
    artifacts, serving = output / "artifacts", output / "serving"
    if not artifacts.is_dir():
        raise ConfigurationError(
            f"output={config.output}: {artifacts} is no folder, so nobody knows which artifacts are there; give the "
            "output folder of the runs, or mount the disk that a link leads to"
        )
    if os.path.lexists(serving) and not serving.is_dir():
        raise ConfigurationError(
            f"output={config.output}: {serving} leads to no folder, so nobody knows which model is served; mount the "
            "disk that the link leads to, or remove the link"
        )
    check_there(resolve_connection(connection_config(config.metadata_url())))


def prune(config: PipelineConfig) -> Pruned:
    """Deletes what old runs made, except what `keep_runs`, servers and newer runs need; see `RunHistory.old`.

    The caller holds the output folder's lock.

    Args:
        config: The configuration of the runs, with `keep_runs`.

    Raises:
        ConfigurationError: A folder is missing, ML Metadata cannot be opened, or it has no run in this folder.
        OSError: A folder cannot be read.
        ml_metadata.errors.StatusError: ML Metadata cannot be read or written.
    """
    if config.keep_runs is None:
        raise ValueError("keep_runs is not set")
    check_folders(config)
    output = Path(config.output_folder())
    root = output / "artifacts"
    connection = resolve_connection(connection_config(config.metadata_url()))
    close_killed(str(root), connection)
    with SerialSqlite(connection):
        check_sqlite(connection)
        store: mlmd.MetadataStore = open_store(connection)
        history = RunHistory(store, config.name, root)
        _check_runs(history, store, config, shown_url(connection))
        old = history.old(config.keep_runs, *_versions(output / "serving"))
        _check_mounted(history, old, config)
        artifacts = _not_named(old.artifacts, config)
        _mark(store, artifacts, metadata_store_pb2.Artifact.MARKED_FOR_DELETION)
        theirs = history.theirs()
        pruned = Pruned(runs=old.runs if artifacts else 0)
        # Before the lock is released: later, a pruning of their own folder may have changed them.
        _report_outside(store, old.outside, config.name, root, pruned)
    deleted = [artifact for artifact in artifacts if _delete(Path(artifact.uri), pruned)]
    pruned.artifacts = len(deleted)
    with SerialSqlite(connection):
        _mark(store, deleted, metadata_store_pb2.Artifact.DELETED)
    real = os.path.realpath(root)
    for folder in root.glob("*/.system/*/*"):
        is_old = folder.name.isdecimal() and int(folder.name) in old.execution_ids
        if is_old and os.path.realpath(folder) == str(Path(real, folder.relative_to(root))):
            _delete(folder, pruned)
    _delete_files(output, old.kept_since, theirs, pruned)
    return pruned


def _check_runs(history: RunHistory, store: mlmd.MetadataStore, config: PipelineConfig, url: str) -> None:
    if history.is_empty():
        names = sorted({context.name for context in store.get_contexts_by_type("pipeline")} - {config.name})
        known = f", but of {', '.join(names[:5])}" if names else ""
        raise ConfigurationError(
            f"name={config.name}: metadata={url} has no run of this pipeline{known}; set name, output and metadata as "
            "in the runs"
        )
    if history.is_elsewhere():
        raise ConfigurationError(
            f"output={config.output}: no run of name={config.name} in metadata={url} made anything here; set output, "
            "name and metadata as in the runs"
        )


def _check_mounted(history: RunHistory, old: OldRuns, config: PipelineConfig) -> None:
    """Raises a `ConfigurationError` if no artifact is there that stays, as in a mount point without its disk."""
    staying = history.staying(old)
    if old.artifacts and staying and not any(folder.exists() for folder in staying):
        raise ConfigurationError(
            f"output={config.output}: none of the {len(staying)} artifacts that stay is there, such as {staying[-1]}; "
            "mount the disk that holds them"
        )


def _delete_files(output: Path, time: float, theirs: list[str], pruned: Pruned) -> None:
    """Deletes backups and logs, unless they may be those of another pipeline in the same folder."""
    try:
        backups, logs = old_backups(output, time), old_logs(output, time)
    except OSError as error:
        pruned.problems.append(
            f"{output}: old backups and logs cannot be found ({error}); the next pruning tries again"
        )
        return
    if theirs and (backups or logs):
        pruned.problems.append(
            f"{output}: its {len(backups) + len(logs)} old backups and logs stay, since another pipeline has artifacts "
            f"in this folder, such as {theirs[-1]}; give each pipeline an output folder of its own"
        )
        return
    pruned.backups = sum(_delete(backup, pruned) for backup in backups)
    pruned.logs = sum(_delete(log, pruned) for log in logs)


def _report_outside(
    store: mlmd.MetadataStore, artifacts: list[metadata_store_pb2.Artifact], name: str, root: Path, pruned: Pruned
) -> None:
    """Adds a sentence about artifacts that lie elsewhere, unless earlier prunings of this folder have named them."""
    there = [artifact for artifact in artifacts if os.path.lexists(artifact.uri)]
    context = store.get_context_by_type_and_name("pipeline", name)
    recorded = context.custom_properties[_NAMED_BY]
    named = json.loads(recorded.string_value or "{}")
    already = set(named.get(str(root), []))
    unnamed = [artifact for artifact in there if artifact.id not in already]
    if unnamed:
        pruned.problems.append(
            f"{len(there)} artifacts of name={name} lie outside of {root}, such as {unnamed[0].uri}, and stay; prune "
            "the output folder that they belong to, or delete them by hand (this is said once)"
        )
        recorded.string_value = json.dumps({**named, str(root): [artifact.id for artifact in there]})
        store.put_contexts([context])


def _versions(serving: Path) -> tuple[set[str], list[str]]:
    """Returns the names of all versions that are there, and of the newest ones down to the first undamaged one."""
    names = [path.name for path in serving.iterdir()] if serving.is_dir() else []
    seen = sorted((name for name in names if is_version(name)), key=int, reverse=True)
    served = []
    for name in seen:
        served.append(name)
        with contextlib.suppress(OSError):  # Nobody knows whether it is damaged.
            if visible_damage(str(serving / name)) is None:
                break
    return {name.removeprefix(WITHDRAWN) for name in names}, served


def _not_named(
    artifacts: list[metadata_store_pb2.Artifact], config: PipelineConfig
) -> list[metadata_store_pb2.Artifact]:
    """Returns the artifacts that do not hold a file of the configuration."""
    start = config.trainer.warm_start
    named = [Path(path).resolve() for path in (start, config.vocabulary.file) if path and path != BASELINE]
    folders = {path for file in named for path in (file, *file.parents)}
    return [artifact for artifact in artifacts if Path(artifact.uri).resolve() not in folders]


def _mark(store: mlmd.MetadataStore, artifacts: list[metadata_store_pb2.Artifact], state: int) -> None:
    for artifact in artifacts:
        artifact.state = state
    if artifacts:
        store.put_artifacts(artifacts)


def _delete(path: Path, pruned: Pruned) -> bool:
    """Deletes a file or folder and counts its bytes; returns False, with a sentence, if it stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            size = sum(file.lstat().st_size for file in files_below(path))
            shutil.rmtree(path)
        else:
            size = path.lstat().st_size if os.path.lexists(path) else 0
            path.unlink(missing_ok=True)
    except OSError as error:
        pruned.problems.append(
            f"{path}: cannot be deleted ({error.strerror or error}); make it writable, and the next run with keep_runs "
            "tries again"
        )
        return False
    pruned.bytes += size
    return True
