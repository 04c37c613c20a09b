"""Sizes of files as they are stored."""

from __future__ import annotations

from collections.abc import Sequence

from tfx.dsl.io import fileio

from .answers import answers


def stored_sizes(paths: Sequence[str]) -> list[int]:
    """Returns the bytes of each file as it is stored; 0 for one that cannot be read."""
    return answers(_stored_size, paths)


def _stored_size(path: str) -> int:
    try:
        return int(fileio.stat(path).length)
    except (OSError, fileio.NotFoundError):
        # The reader finds the same error and names the file.
        return 0
