"""Which files a node reads."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from tfx.dsl.io import fileio

from ...errors import escape
from ...remote import is_remote
from ...text_files.errors import InputError
from ...text_files.file_types import ENDINGS, FileType, file_type
from .answers import answers
from .distinct_files import check_distinct
from .patterns import without_level

_TEXT = tuple(ending for ending, kind in ENDINGS.items() if kind is FileType.TEXT)


class Pattern(NamedTuple):
    """What is read for a split.

    Attributes:
        name: The input split; those of one `**` belong together (`patterns.without_level`).
        split: The output split, or "" if the content decides.
        pattern: The glob.
    """

    name: str
    split: str
    pattern: str


class Found(NamedTuple):
    """The files of all patterns.

    Attributes:
        files: Split and path of each file, sorted within a pattern. A file that two patterns of a split match is there
            once. Hidden files and folders that a wildcard matches are left out.
        unmatched: The patterns that match no file.
    """

    files: list[tuple[str, str]]
    unmatched: list[str]


def files_of_splits(patterns: Sequence[Pattern]) -> Found:
    """Finds the files of each split, with the file system that TFX's driver fingerprints them with.

    Args:
        patterns: Without markers of spans, in the order to read them; several may serve one split.

    Returns:
        The files.

    Raises:
        InputError: A file is missing or in two splits, the patterns of a split match none, or a file is of no known
            type.
    """
    found: dict[tuple[str, str], None] = {}
    matched: set[str] = set()
    for name, split, pattern in patterns:
        paths = _without_folders(
            [path for path in sorted(map(str, fileio.glob(pattern))) if not _is_hidden(path, pattern)]
        )
        for path in paths:
            file_type(path)
        found.update(dict.fromkeys((split, path) for path in paths))
        if paths:
            matched.add(without_level(name))
    # Of the patterns of one `**`, the first says enough.
    unmatched = {without_level(one.name): one for one in reversed(patterns) if without_level(one.name) not in matched}
    splits_with_files = {split for split, _ in found}
    for one in unmatched.values():
        if one.split not in splits_with_files or not glob.has_magic(one.pattern):
            raise InputError(f"{escape(one.pattern)}: no file matches; set {{files}} or {{splits}}")
    if len(splits_with_files) > 1:
        check_distinct(found)
    return Found(list(found), [one.pattern for one in reversed(unmatched.values())])


def fingerprint_of_names(patterns: Sequence[Pattern], in_examples: bool) -> str:
    """Returns what the names of the files add to TFX's fingerprint, which has only sizes and times of what is matched.

    Without it, a file that was hidden while it was written, such as `.b.txt`, would not be read once it is `b.txt`, nor
    `a.txt` read as a table once it is `a.csv`: the cache would take it for the same input.

    Args:
        patterns: As in `files_of_splits`.
        in_examples: Whether the Examples have the names.

    Returns:
        Text to append; empty if names decide nothing, so that the fingerprint is TFX's own. If they decide, the size
        and time of each file are asked for once more, which on an object store is a request for each.
    """
    matched = [(one, str(path)) for one in patterns for path in fileio.glob(one.pattern)]
    read = [(one.split, path) for one, path in matched if not _is_hidden(path, one.pattern)]
    # The ending decides how a file is read.
    alike = all(one.pattern.lower().endswith(tuple(ENDINGS)) or path.lower().endswith(_TEXT) for one, path in matched)
    if not in_examples and alike and len(read) == len(matched):
        return ""
    lines = set()
    states = answers(fileio.stat, [path for _, path in read])
    for (split, path), state in zip(read, states, strict=True):
        # Whole seconds, as in TFX's.
        lines.add(f"{split}\t{path}\t{state.length}\t{state.mtime_nsec // 10**9}")
    digest = hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
    return f",names:{digest[:16]}"


def _is_hidden(path: str, pattern: str) -> bool:
    # For TFX's file system `*` matches a dot as well. A wildcard never stands for several folders.
    return any(
        part.startswith(".") and not pattern_part.startswith(".")
        for part, pattern_part in zip(reversed(path.split("/")), reversed(pattern.split("/")), strict=False)
    )


def _without_folders(paths: Sequence[str]) -> list[str]:
    # One question to a remote file system costs as much as a small file, so it is asked only where it matters.
    unclear = [path for path in paths if not (is_remote(path) and path.lower().endswith(tuple(ENDINGS)))]
    folders = {path for path, is_folder in zip(unclear, answers(fileio.isdir, unclear), strict=True) if is_folder}
    return [path for path in paths if path not in folders]
