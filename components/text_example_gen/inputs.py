"""The checks of input files that are made before any work: quick, local, without TFX, Beam or TensorFlow."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ...errors import escape
from ...remote import is_remote
from .binary import HEAD_BYTES, why_not_text
from .errors import InputError, UnreadableFileError
from .file_types import FileType, file_type
from .parquet import open_parquet
from .parsing import Problem
from .patterns import absolute, spans_as_wildcards
from .problems import line_problem
from .records import content_errors, decompressed, numbered_records
from .splitting import HashSplit

__all__ = ["InputError", "check_inputs"]


def check_inputs(
    files: Sequence[str] | None,
    splits: Mapping[str, Sequence[str]] | None,
    hash_buckets: Mapping[str, int],
    text_field: str,
) -> None:
    """Checks that the input files can be read and that no split would be empty.

    Reads the first bytes of every file, and then lines only until every split has one. What lies further back
    (say, an invalid line in the middle) is found by the node itself. Remote files are left to the node.

    Args:
        files: Paths or globs of one corpus, to be split by content; or None.
        splits: Paths or globs by name of split; or None. Exactly one of the two must be given.
        hash_buckets: With `files`: the buckets of each split, as for `HashSplit`.
        text_field: The field of .jsonl records or column of .parquet files that holds the text.

    Raises:
        InputError: No file matches, a directory, an unknown file type, a binary or damaged file, a file that cannot
            be read, a record without text, an empty corpus or an empty split.
    """
    if bool(files) == bool(splits):
        raise InputError("set exactly one of {files} and {splits}")
    if files:
        paths = _checked_files("{files}", files, text_field)
        if not any(map(is_remote, files)):
            _check_hash_split(paths, HashSplit(hash_buckets), text_field)
        return
    checked = {
        name: _checked_files(_split_key(name), patterns, text_field) for name, patterns in (splits or {}).items()
    }
    for name, paths in checked.items():
        if not any(map(is_remote, (splits or {})[name])):
            texts = _Texts(paths, text_field)
            if not any(text.strip() for text in texts):
                raise InputError(f"{_split_key(name)}: the split would be empty: {escape(texts.why_empty())}")


def _split_key(name: str) -> str:
    return f"{{splits}}.{escape(name)}"


def _checked_files(key: str, patterns: Sequence[str], text_field: str) -> list[str]:
    """The local files that some patterns match, each looked at."""
    if not patterns:
        raise InputError(f"{key}: no file given")
    matched = [path for pattern in patterns if not is_remote(pattern) for path in _matched(key, pattern)]
    # A file that two patterns match is read once.
    paths = list(dict.fromkeys(matched))
    for path in paths:
        try:
            _look_at(path, text_field)
        except UnreadableFileError as error:
            raise InputError(f"{escape(path)}: {error.template}") from error
    return paths


def _matched(key: str, pattern: str) -> list[str]:
    if not pattern:
        raise InputError(f"{key}: an empty path")
    # Path.glob takes no absolute pattern.
    found = sorted(glob.glob(spans_as_wildcards(absolute(pattern))))  # noqa: PTH207
    if not found:
        raise InputError(f"{key}: no file matches {escape(pattern)}")
    # A folder beside the files that a pattern means is no mistake; a folder alone is.
    paths = [path for path in found if not Path(path).is_dir()]
    if not paths:
        raise InputError(
            f"{key}: {escape(pattern)} is a directory; give its files, such as {escape(pattern.rstrip('/'))}/*.txt"
        )
    return paths


def _look_at(path: str, text_field: str) -> None:
    """Checks one file by its name and its first bytes."""
    kind = file_type(path)
    if Path(path).exists() and not Path(path).is_file():
        raise UnreadableFileError("not a regular file")
    with content_errors(), Path(path).open("rb") as file:
        if kind is FileType.PARQUET:
            open_parquet(file, text_field)
            return
        with decompressed(file, path) as unpacked:
            other = why_not_text(unpacked.read(HEAD_BYTES))
    if other:
        raise UnreadableFileError(f"not text but {escape(other)}, whatever its ending says")


class _Texts:
    """The texts of some files, with a record of why there were none."""

    def __init__(self, paths: Sequence[str], text_field: str) -> None:
        self._paths, self._text_field = paths, text_field
        self.empty = 0
        self.invalid = 0
        self.used = 0

    def __iter__(self) -> Iterator[str]:
        for path in self._paths:
            try:
                with content_errors(), Path(path).open("rb") as file:
                    yield from self._texts_of(file, path)
            except UnreadableFileError as error:
                raise InputError(f"{escape(path)}: {error.template}") from error

    def _texts_of(self, file: BinaryIO, path: str) -> Iterator[str]:
        for number, (text, problem) in numbered_records(file, path, self._text_field):
            if problem is Problem.INVALID_UTF8:
                self.invalid += 1
            elif problem is not None:
                raise InputError(line_problem(problem, path, number, self._text_field))
            elif text.strip():
                self.used += 1
                yield text
            else:
                self.empty += 1

    def why_empty(self) -> str:
        """Says what was read, for a split that is empty."""
        names = ", ".join(self._paths[:3]) + (" …" if len(self._paths) > 3 else "")
        if self.invalid:
            return f"of {self.empty + self.invalid} lines, {self.invalid} are not UTF-8 and the rest empty ({names})"
        return f"{names} has only empty lines" if self.empty else f"{names} has no lines"


def _check_hash_split(paths: Sequence[str], hash_split: HashSplit, text_field: str) -> None:
    texts = _Texts(paths, text_field)
    missing = set(hash_split.names)
    for text in texts:
        missing.discard(hash_split.split_of(text))
        if not missing:
            return
    if not texts.used:
        raise InputError(f"{{files}}: the corpus is empty: {escape(texts.why_empty())}")
    raise InputError(
        f"{{files}}: split {escape(', '.join(sorted(missing)))} would be empty: none of the {texts.used} usable lines "
        "falls there by its hash; give more text, or set {splits}"
    )
