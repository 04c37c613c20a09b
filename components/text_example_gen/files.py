"""Which files a node reads."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterable

from tfx.dsl.io import fileio

from ...errors import escape
from ...remote import is_remote
from ...text_files.errors import InputError
from ...text_files.file_types import ENDINGS, file_type


def files_of_splits(patterns: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Finds the files of each split, with the file system that TFX's driver fingerprints them with.

    Args:
        patterns: Split and glob, in the order to read them; several globs may serve one split.

    Returns:
        Split and path of each file, sorted within a glob. A file that two globs of a split match is there once.
        Hidden files and folders that a wildcard matches are left out.

    Raises:
        InputError: A glob matches no file, or a file is of no known type.
    """
    found: dict[tuple[str, str], None] = {}
    for split, pattern in patterns:
        paths = [path for path in sorted(map(str, fileio.glob(pattern))) if _is_meant(path, pattern)]
        if not paths:
            raise InputError(f"{escape(pattern)}: no file matches; set {{files}} or {{splits}}")
        for path in paths:
            file_type(path)
        found.update(dict.fromkeys((split, path) for path in paths))
    splits_of: dict[str, str] = {}
    for split, path in found:
        if splits_of.setdefault(path, split) != split:
            # Somebody may want to see a model learn its own evaluation data, but nobody by accident.
            logging.getLogger(__name__).warning("%s is in split %s and in split %s", path, splits_of[path], split)
    return list(found)


def _is_meant(path: str, pattern: str) -> bool:
    # For TFX's file system `*` matches a dot as well. A wildcard never stands for several folders.
    for part, pattern_part in zip(reversed(path.split("/")), reversed(pattern.split("/")), strict=False):
        if part.startswith(".") and not pattern_part.startswith("."):
            return False
    name = posixpath.basename(path)
    # One question to a remote file system costs as much as a small file, so it is asked only where it matters.
    if is_remote(path) and name.lower().endswith(tuple(ENDINGS)):
        return True
    return not fileio.isdir(path)
