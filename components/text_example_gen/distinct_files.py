"""The check that no file is in two splits. Needs no TFX."""

from __future__ import annotations

import os.path
from collections.abc import Iterable

from ...errors import escape
from ...remote import is_remote
from ...text_files.errors import InputError


def check_distinct(files: Iterable[tuple[str, str]]) -> None:
    """Checks that no two splits share a file, under whatever name.

    Args:
        files: Split and path of each file.

    Raises:
        InputError: Names the file and both splits.
    """
    first: dict[str, tuple[str, str]] = {}
    for split, path in files:
        other, other_path = first.setdefault(path if is_remote(path) else os.path.realpath(path), (split, path))
        if other == split:
            continue
        linked = "" if path == other_path else f", where it is called {path}"
        raise InputError(
            f"{{splits}}: {escape(other_path)} is in {escape(other)} and in {escape(split)}{escape(linked)}, so that "
            "both have all its lines; give each split files of its own"
        )
