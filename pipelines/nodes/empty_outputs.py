"""Empty output folders: whatever lies in a node's output folders is removed before the node works.

TFX calls them after the number of the node's execution, `artifacts/TextExampleGen/examples/1`, and takes a folder that
is there as it is. Numbers begin at 1 again in another ML Metadata, and a node that was killed and is tried again has
its old number; on an object store, what it left is there. A reader takes all files of a folder, so that a model was
trained on the examples of both executions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from tfx import types
from tfx.dsl.io import fileio
from tfx.orchestration.portable import outputs_utils


@contextlib.contextmanager
def empty_outputs() -> Iterator[None]:
    """Has the launcher in the block give its node empty folders."""
    original = outputs_utils.make_output_dirs

    def make_output_dirs(output_dict: Mapping[str, Sequence[types.Artifact]]) -> None:
        for artifacts in output_dict.values():
            for artifact in artifacts:
                if not artifact.is_external:
                    _remove(artifact.uri)
        original(output_dict)

    outputs_utils.make_output_dirs = make_output_dirs
    try:
        yield
    finally:
        outputs_utils.make_output_dirs = original


def _remove(uri: str) -> None:
    if fileio.isdir(uri):
        if fileio.listdir(uri):
            print(f"{uri}: removed what an earlier try, or another execution of this number, had made", flush=True)
        fileio.rmtree(uri)
    elif fileio.exists(uri):  # A value, such as a number.
        fileio.remove(uri)
