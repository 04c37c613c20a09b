"""The checks of input files that are made before any work: quick, local, without TFX, Beam or TensorFlow."""

from __future__ import annotations

import glob
import os.path
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ...errors import escape
from ...remote import is_remote
from ...text_files.documents import check_documents
from ...text_files.errors import InputError, UnreadableFileError
from ...text_files.file_types import file_type
from ...text_files.in_documents import in_documents
from ...text_files.looking import look_at
from ...text_files.normalization import normalized
from ...text_files.options import RecordOptions
from ...text_files.parsing import Parsed, Problem
from ...text_files.problems import Place, has_text, record_problem
from ...text_files.records import numbered_records
from ...text_files.unpacking import content_errors
from .distinct_files import check_distinct
from .patterns import absolute, at_each_depth
from .places import check_place_here
from .span_choice import Choice, Wanted, choose_spans
from .spans import has_span
from .splitting import HashSplit

NEWEST = Wanted()


def check_inputs(
    files: Sequence[str] | None,
    splits: Mapping[str, Sequence[str]] | None,
    hash_buckets: Mapping[str, int],
    options: RecordOptions,
    wanted: Wanted = NEWEST,
) -> list[str]:
    """Checks that the input files can be read and that no split would be empty.

    Reads the first bytes of every file, and then lines only until every split has one. What lies further back
    (say, an invalid line in the middle) is found by the node itself. Remote files are left to the node.

    Args:
        files: Paths or globs of one corpus, to be split by content; or None.
        splits: Paths or globs by name of split; or None. Exactly one of the two must be given.
        hash_buckets: With `files`: the buckets of each split, as for `HashSplit`.
        options: How a record is read.
        wanted: Which spans are read, if patterns have markers of spans.

    Returns:
        The local files that will be read.

    Raises:
        InputError: No file matches, spans that cannot be read (see `choose_spans`), a directory, an unknown file type,
            a binary or damaged file, a file that cannot be read, a record without text, a file in two splits, an empty
            corpus, span or split.
    """
    if bool(files) == bool(splits):
        raise InputError("set exactly one of {files} and {splits}")
    if files:
        choice = _choose({"{files}": files}, wanted)
        paths = _checked_files("{files}", _of_choice("{files}", files, choice), options)
        check_spans_have_text(choice, options)
        if not any(map(is_remote, files)):
            _check_hash_split(paths, HashSplit(hash_buckets), options)
        return paths
    choice = _choose({_split_key(name): patterns for name, patterns in (splits or {}).items()}, wanted)
    checked = {
        name: _checked_files(_split_key(name), _of_choice(_split_key(name), patterns, choice), options)
        for name, patterns in (splits or {}).items()
    }
    check_spans_have_text(choice, options)
    check_distinct((name, path) for name, paths in checked.items() for path in paths)
    for name, paths in checked.items():
        if not any(map(is_remote, (splits or {})[name])):
            texts = _Texts(paths, options)
            if not any(text.strip() for text in texts):
                raise InputError(f"{_split_key(name)}: the split would be empty: {escape(texts.why_empty())}")
    return [path for paths in checked.values() for path in paths]


def _split_key(name: str) -> str:
    return f"{{splits}}.{escape(name)}"


def _choose(groups: Mapping[str, Sequence[str]], wanted: Wanted) -> Choice | None:
    """Chooses the spans, if there are patterns with markers; those of remote files are left to the node."""
    for key, patterns in groups.items():
        for pattern in patterns:
            check_place_here(key, pattern)
    if any(is_remote(pattern) for patterns in groups.values() for pattern in patterns):
        return None
    return choose_spans({key: [absolute(pattern) for pattern in of_key] for key, of_key in groups.items()}, wanted)


def _of_choice(key: str, patterns: Sequence[str], choice: Choice | None) -> list[str]:
    """Returns the patterns of a setting; those with markers are replaced by those of the spans that are read."""
    read: list[str] = []
    for pattern in patterns:
        marked = choice is not None and has_span(pattern)
        read += [one for _, one in choice.patterns[key, absolute(pattern)]] if choice and marked else [pattern]
    return read


def check_spans_have_text(choice: Choice | None, options: RecordOptions) -> None:
    """Checks that each span that is read has some text in each split. Reads lines until there is one.

    Args:
        choice: The spans, or None. Remote files are not opened.
        options: How a record is read.

    Raises:
        InputError: A span has no text.
    """
    files: dict[tuple[str, int], list[str]] = {}
    for (key, _), patterns in choice.patterns.items() if choice else ():
        for span, pattern in patterns:
            if not is_remote(pattern):
                files.setdefault((key, span), []).extend(_matched(key, pattern))
    dates = {span: date for span, _, date in choice.spans} if choice else {}
    for (key, span), paths in files.items():
        texts = _Texts(paths, options)
        if not any(text.strip() for text in texts):
            raise InputError(f"{key}: span {dates[span] or span} is empty: {escape(texts.why_empty())}")


def _checked_files(key: str, patterns: Sequence[str], options: RecordOptions) -> list[str]:
    """The local files that some patterns match, each looked at."""
    if not patterns:
        raise InputError(f"{key}: no file given")
    for pattern in patterns:
        check_place_here(key, pattern)
    matched = {pattern: _matched(key, pattern) for pattern in patterns if not is_remote(pattern)}
    for pattern, found in matched.items():
        # A wildcard that matches nothing beside patterns that match is a warning of the node; a missing file is not.
        if not found and not (glob.has_magic(pattern) and (any(matched.values()) or len(matched) < len(patterns))):
            raise InputError(f"{key}: no file matches {escape(pattern)}{_why_no_match(pattern)}")
    # A file that two patterns match is read once.
    paths = list(dict.fromkeys(path for found in matched.values() for path in found))
    for path in paths:
        if not _is_utf8(path):
            raise InputError(
                f"{key}: the name {escape(ascii(path))} is not UTF-8, which ML Metadata cannot keep; rename the file"
            )
        if "\\" in path:
            raise InputError(f"{key}: {escape(path)} has a backslash, which TFX takes for part of a pattern; rename it")
        try:
            look_at(path, options.text_field)
        except UnreadableFileError as error:
            raise InputError(f"{escape(path)}: {error.template}") from error
        check_documents(options.documents, file_type(path), path)
    return paths


def _is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _why_no_match(pattern: str) -> str:
    """Returns what a shell would have made of a pattern, if it is that."""
    if re.search(r"\{[^{}]*,[^{}]*\}", pattern):
        return "; only a shell expands {{,}}: give several paths or patterns"
    if "$" in pattern:
        return "; only a shell expands $: give the whole path"
    return ""


def _matched(key: str, pattern: str) -> list[str]:
    found: list[str] = []
    for of_depth in at_each_depth(absolute(pattern)):
        # Path.glob takes no absolute pattern.
        found += sorted(glob.glob(of_depth))  # noqa: PTH207
    # A folder beside the files that a pattern means is no mistake; a folder alone is.
    # Not Path.is_dir, which raises an error for a link to a name that is too long, or to a folder of others.
    paths = [path for path in found if not os.path.isdir(path)]  # noqa: PTH112
    if found and not paths:
        raise InputError(
            f"{key}: {escape(pattern)} is a directory; give its files, such as {escape(pattern.rstrip('/'))}/*.txt"
        )
    return paths


class _Texts:
    """What decides about the split of each line of some files, with a record of why there were no lines."""

    def __init__(self, paths: Sequence[str], options: RecordOptions) -> None:
        self._paths, self._options = paths, options
        self.empty = 0
        self.invalid: Counter[Problem] = Counter()
        self.used = 0

    def __iter__(self) -> Iterator[str]:
        for path in self._paths:
            try:
                with content_errors(), Path(path).open("rb") as file:
                    yield from self._texts_of(file, path)
            except UnreadableFileError as error:
                raise InputError(f"{escape(path)}: {error.template}") from error

    def _texts_of(self, file: BinaryIO, path: str) -> Iterator[str]:
        for line in in_documents(self._usable(file, path), self._options.documents, 0):
            if line.parsed.text.strip():
                self.used += 1
                yield line.document or line.parsed.text
            else:
                self.empty += 1

    def _usable(self, file: BinaryIO, path: str) -> Iterator[tuple[None, Parsed]]:
        """Yields the records that have no problem, normalized: the node decides by such a text, too."""
        records = numbered_records(file, path, self._options.text_field)
        with_text = 0
        for number, parsed in records:
            problem = parsed.problem
            with_text += has_text(parsed)
            if problem is not None and self._options.drops(problem):
                self.invalid[problem] += 1
            elif problem is not None:
                place = Place(path, file_type(path), number)
                raise InputError(record_problem(problem, place, self._options.text_field, with_text, records))
            else:
                yield None, parsed._replace(text=normalized(parsed.text, self._options.normalization))

    def why_empty(self) -> str:
        """Says what was read, for a split that is empty."""
        names = ", ".join(self._paths[:3]) + (" …" if len(self._paths) > 3 else "")
        dropped = sum(self.invalid.values())
        if dropped:
            utf8 = self.invalid[Problem.INVALID_UTF8]
            parts = [f"{utf8} are not UTF-8"] * (utf8 > 0) + [f"{dropped - utf8} have no usable text"] * (
                dropped > utf8
            )
            return f"of {self.empty + dropped} lines, {', '.join(parts)} and the rest empty ({names})"
        return f"{names} has only empty lines" if self.empty else f"{names} has no lines"


def _check_hash_split(paths: Sequence[str], hash_split: HashSplit, options: RecordOptions) -> None:
    texts = _Texts(paths, options)
    missing = set(hash_split.names)
    for text in texts:
        missing.discard(hash_split.split_of(text))
        if not missing:
            return
    if not texts.used:
        raise InputError(f"{{files}}: the corpus is empty: {escape(texts.why_empty())}")
    by = "its hash" if options.documents == "none" else f"the hash of its document ({{documents}}={options.documents})"
    raise InputError(
        f"{{files}}: split {escape(', '.join(sorted(missing)))} would be empty: none of the {texts.used} usable lines "
        f"falls there by {by}; give more text, or set {{splits}}"
    )
