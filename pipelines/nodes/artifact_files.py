"""Files of artifacts: recorded when a node has made them, and compared with the record before they are used again.

TFX's cache only looks whether an artifact's folder exists. A node whose output lost a file, or was damaged on its disk,
runs again; its old output is not used.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import cache_utils

from ...file_sums import damaged_file, file_sums
from ...remote import is_remote
from ..metadata.run_records import RunRecords

# Custom property of an artifact: the SHA-256 sum of each file, by its path in the artifact's folder, as JSON.
FILES_PROPERTY = "tfx_lm_files"


def record_files(records: RunRecords, node_id: str) -> None:
    """Records the files that a node has made in this run; not those on an object store, which has sums of its own."""
    for artifact in records.outputs(node_id):
        if not is_remote(artifact.uri):
            sums = file_sums(artifact.uri)
            artifact.custom_properties[FILES_PROPERTY].string_value = json.dumps(sums, ensure_ascii=False)
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
    recorded = artifact.custom_properties[FILES_PROPERTY].string_value
    problem = damaged_file(artifact.uri, json.loads(recorded)) if recorded else None
    return None if problem is None else f"{artifact.uri}: {problem}"


@contextlib.contextmanager
def whole_outputs_only() -> Iterator[None]:
    """Keeps the launcher in the block from taking damaged outputs from TFX's cache: it runs the node instead."""
    original = cache_utils.get_cached_outputs

    def get_cached_outputs(*arguments: Any, **named: Any) -> Any:
        outputs = original(*arguments, **named)
        artifacts = [artifact for group in (outputs or {}).values() for artifact in group]
        problems = [problem for artifact in artifacts if (problem := damage_of(artifact.mlmd_artifact))]
        for problem in problems:
            print(f"Not taken from the cache: {problem}", flush=True)
        return None if problems else outputs

    cache_utils.get_cached_outputs = get_cached_outputs
    try:
        yield
    finally:
        cache_utils.get_cached_outputs = original
