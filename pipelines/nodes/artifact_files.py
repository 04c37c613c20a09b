"""Files of artifacts: recorded when a node has made them, and compared with the record before they are used again.

TFX's cache only looks whether an artifact's folder exists. A node whose output lost a file, or was damaged on its disk,
runs again; its old output is not used.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import cache_utils

from ...file_sums import damaged_file, file_sums
from ...remote import is_remote
from ..metadata.run_records import RunRecords

# Custom properties of an artifact: the SHA-256 sum of each file, by its path in the artifact's folder, as JSON, in
# parts `tfx_lm_files`, `tfx_lm_files_1`, …: ML Metadata's index on PostgreSQL takes no value of more than 2,700 bytes.
FILES_PROPERTY = "tfx_lm_files"
_PART_BYTES = 2000

# Returns a context in which other processes may use ML Metadata, since to read large files takes long.
Unlocked = Callable[[], AbstractContextManager[None]]


def record_files(records: RunRecords, node_id: str, unlocked: Unlocked = nullcontext) -> None:
    """Records the files that a node has made in this run; not those on an object store, which has sums of its own.

    Args:
        records: The run's records.
        node_id: The node.
        unlocked: `NodeMetadata.unlocked`, if `records` reads from one.
    """
    for artifact in records.outputs(node_id):
        if not is_remote(artifact.uri):
            with unlocked():
                sums = file_sums(artifact.uri)
            _write_sums(artifact, sums)
            records.update(artifact)


def is_there(artifact: metadata_store_pb2.Artifact) -> bool:
    """Returns whether an artifact's folder exists, or its file, if it is a value such as a number."""
    return is_remote(artifact.uri) or Path(artifact.uri).exists()


def damage_of(artifact: metadata_store_pb2.Artifact) -> str | None:
    """Returns what is wrong with the files of an artifact; None if they are as recorded, or have no record.

    Worked example: `/out/artifacts/Transform/transformed_examples/5: Split-train/part-0.gz is missing`.
    """
    if is_remote(artifact.uri):
        return None
    if not is_there(artifact):
        return f"{artifact.uri}: is gone"
    try:
        problem = damaged_file(artifact.uri, _read_sums(artifact))
    except OSError as error:
        problem = f"cannot be read ({error})"
    return None if problem is None else f"{artifact.uri}: {problem}"


class DamageCheck:
    """Looks for damage of artifacts; reads the files of each one once.

    Args:
        unlocked: See `record_files`.
    """

    def __init__(self, unlocked: Unlocked = nullcontext):
        self._unlocked = unlocked
        self._problems: dict[int, str | None] = {}

    def __call__(self, artifact: metadata_store_pb2.Artifact) -> str | None:
        """Returns the same as `damage_of`."""
        if artifact.id not in self._problems:
            with self._unlocked():
                self._problems[artifact.id] = damage_of(artifact)
        return self._problems[artifact.id]


def _write_sums(artifact: metadata_store_pb2.Artifact, sums: Mapping[str, str]) -> None:
    for name in [name for name in artifact.custom_properties if name.startswith(FILES_PROPERTY)]:
        del artifact.custom_properties[name]
    parts: list[dict[str, str]] = [{}]
    size = 0
    for name, value in sums.items():
        added = len(json.dumps({name: value}, ensure_ascii=False).encode())
        if parts[-1] and size + added > _PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][name] = value
        size += added
    for number, part in enumerate(parts):
        key = f"{FILES_PROPERTY}_{number}" if number else FILES_PROPERTY
        artifact.custom_properties[key].string_value = json.dumps(part, ensure_ascii=False)


def _read_sums(artifact: metadata_store_pb2.Artifact) -> dict[str, str]:
    parts = [value for name, value in artifact.custom_properties.items() if name.startswith(FILES_PROPERTY)]
    return {name: value for part in parts for name, value in json.loads(part.string_value).items()}


@contextlib.contextmanager
def whole_outputs_only() -> Iterator[None]:
    """Keeps the launcher in the block from taking damaged outputs from TFX's cache: it runs the node instead."""
    original = cache_utils.get_cached_outputs

    def get_cached_outputs(metadata_handle: Any, cache_context: metadata_store_pb2.Context) -> Any:
        outputs = original(metadata_handle=metadata_handle, cache_context=cache_context)
        artifacts = [artifact for group in (outputs or {}).values() for artifact in group]
        check = DamageCheck(metadata_handle.unlocked)
        problems = [problem for artifact in artifacts if (problem := check(artifact.mlmd_artifact))]
        for problem in problems:
            print(f"Not taken from the cache: {problem}", flush=True)
        return None if problems else outputs

    cache_utils.get_cached_outputs = get_cached_outputs
    try:
        yield
    finally:
        cache_utils.get_cached_outputs = original
