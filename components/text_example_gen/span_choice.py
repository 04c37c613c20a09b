"""Choice of the spans that a run reads, from the files that are there. Needs no TFX for local files."""

from __future__ import annotations

import glob
import itertools
import os.path
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...errors import escape
from ...remote import is_remote
from ...text_files.errors import InputError
from .span_numbers import day_of_number, shown, span_of_texts
from .spans import (
    check_markers,
    has_date,
    has_span,
    markers_in,
    names_a_span,
    spans_as_wildcards,
    texts_at_markers,
    texts_of,
    with_texts,
)


class Wanted(NamedTuple):
    """Which spans are asked for.

    Attributes:
        first: No span before this one is read.
        last: The newest span to read, which must be there; None: the newest that is there.
        window: How many spans are read, the newest ones; fewer if there are no more. None: all from `first` to `last`,
            which must both be there.
        gaps: Whether spans may be missing between those that are read.
    """

    first: int | None = None
    last: int | None = None
    window: int | None = 1
    gaps: bool = False


class ReadSpan(NamedTuple):
    """A span that is read.

    Attributes:
        span: Its number.
        version: Its newest version; None without `{VERSION}`.
        date: Its day, such as 2026-05-01; None for `{SPAN}`.
    """

    span: int
    version: int | None
    date: str | None


class Choice(NamedTuple):
    """What is read.

    Attributes:
        spans: From the oldest to the newest.
        patterns: For each setting and pattern with markers: the spans, and for each the pattern without markers.
    """

    spans: tuple[ReadSpan, ...]
    patterns: dict[tuple[str, str], list[tuple[int, str]]]


class _Place(NamedTuple):
    """A file or folder at whose markers numbers stand."""

    span: int
    version: int | None
    texts: dict[str, str]
    path: str
    is_file: bool


def choose_spans(groups: Mapping[str, Sequence[str]], wanted: Wanted) -> Choice | None:
    """Chooses the spans, and of each the newest version.

    A folder counts as a span or version, too, if it is on this machine. So one that somebody has just begun to fill is
    refused, and not silently left out.

    Args:
        groups: Globs from `patterns.absolute`, by the setting that they belong to (a template). All groups have all
            spans that are read; of the patterns of one group, one is enough.
        wanted: Which spans are asked for.

    Returns:
        The choice; None if no pattern has markers.

    Raises:
        InputError: No file matches, a file has no number at a marker, a span that is asked for is not there, spans are
            missing in between, or a span or version seems to be half written.
    """
    marked = [(key, pattern) for key, patterns in groups.items() for pattern in patterns if has_span(pattern)]
    if not marked:
        return None
    check_marked(marked)
    dated = has_date(marked[0][1])
    places = {(key, pattern): _places(key, pattern) for key, pattern in marked}
    key, pattern = marked[0]
    versions: dict[int, set[int]] = defaultdict(set)
    for each in places.values():
        for place in each:
            versions[place.span].update(() if place.version is None else (place.version,))
    if not any(place.is_file for each in places.values() for place in each):
        raise InputError(f"{key}: no file matches {escape(pattern)}")
    numbers = _choose(sorted(versions), wanted, dated)
    spans = tuple(
        ReadSpan(span, max(versions[span], default=None), str(day_of_number(span)) if dated else None)
        for span in numbers
    )
    _check_whole(places, spans, dated)
    return Choice(spans, {one: _without_markers(one[1], places[one], spans) for one in marked})


def check_marked(marked: Sequence[tuple[str, str]]) -> None:
    """Checks the markers of some patterns, which must count spans and versions in the same way.

    Args:
        marked: Setting and pattern of each.

    Raises:
        InputError: Markers that cannot be replaced, or that differ between two patterns.
    """
    for key, pattern in marked:
        check_markers(key, pattern)
        if markers_in(pattern) != markers_in(marked[0][1]):
            raise InputError(
                f"{key}: {escape(pattern)} and {escape(marked[0][1])} have different markers; count spans and versions "
                "in the same way everywhere, or give one of them without markers"
            )


def _places(key: str, pattern: str) -> list[_Place]:
    """Returns the files that a pattern matches, and the local folders that it names a span or version with."""
    found = [_place(key, pattern, path, True) for path in _files(spans_as_wildcards(pattern))]
    spelled: dict[tuple[int, int | None], _Place] = {}
    for place in found:
        same = spelled.setdefault((place.span, place.version), place)
        if same.texts != place.texts:
            raise InputError(
                f"{key}: {escape(same.path)} and {escape(place.path)} write one number in two ways; rename one"
            )
    parts = pattern.split("/")
    for index, part in enumerate(parts[:-1]):
        folder = "/".join(parts[: index + 1])
        if not is_remote(pattern) and has_span(part) and names_a_span(folder):
            # Path.glob takes no absolute pattern.
            for path in sorted(glob.glob(f"{spans_as_wildcards(folder)}/")):  # noqa: PTH207
                try:
                    found.append(_place(key, folder, path.rstrip("/"), False))
                except InputError:
                    continue  # Some other folder, without files that the whole pattern matches.
    return found


def _files(pattern: str) -> list[str]:
    if not is_remote(pattern):
        # Not Path.is_dir, which raises an error for a link to a name that is too long, or to a folder of others.
        return [path for path in sorted(glob.glob(pattern)) if not os.path.isdir(path)]  # noqa: PTH112, PTH207
    from tfx.dsl.io import fileio

    return sorted(map(str, fileio.glob(pattern)))


def _place(key: str, pattern: str, path: str, is_file: bool) -> _Place:
    texts = texts_at_markers(pattern, path)
    if texts is None:
        raise InputError(
            f"{key}: {escape(path)} matches {escape(pattern)}, whose markers stand for numbers; move it elsewhere, or "
            "give a pattern that does not match it"
        )
    try:
        span = span_of_texts(texts)
    except ValueError as error:
        raise InputError(f"{key}: {escape(path)}: there is no such day; rename it") from error
    return _Place(span, int(texts["VERSION"]) if "VERSION" in texts else None, texts, path, is_file)


def _choose(there: Sequence[int], wanted: Wanted, dated: bool) -> list[int]:
    """Returns the numbers of the spans that are read."""
    asked = (wanted.last,) if wanted.window is not None else (wanted.first, wanted.last)
    for span in asked:
        if span is not None and span not in there:
            raise InputError(
                f"{{spans}}: there is no span {shown(span, dated)}; the spans go from {shown(there[0], dated)} to "
                f"{shown(there[-1], dated)}"
            )
    first = there[0] if wanted.first is None else wanted.first
    last = there[-1] if wanted.last is None else wanted.last
    chosen = [span for span in there if first <= span <= last]
    chosen = chosen if wanted.window is None else chosen[-wanted.window :]
    if not chosen:
        raise InputError(f"{{spans}}: there is no span from {shown(first, dated)} on")
    if not wanted.gaps:
        _check_gaps(there, chosen, dated)
    return chosen


def _check_gaps(there: Sequence[int], chosen: Sequence[int], dated: bool) -> None:
    # Days may come weekly or monthly; numbers are counted.
    step = min((later - span for span, later in itertools.pairwise(there)), default=1) if dated else 1
    for span, later in itertools.pairwise(chosen):
        if later - span >= 2 * step:
            raise InputError(
                f"{{spans}}: {shown(span, dated)} and {shown(later, dated)} are read, and no span between them is "
                "there; add it, read fewer spans ({span_window}), or set {span_gaps} to allow"
            )


def _check_whole(places: Mapping[tuple[str, str], Sequence[_Place]], spans: Sequence[ReadSpan], dated: bool) -> None:
    """Raises an `InputError` if a setting has no file of a span that is read."""
    by_key: dict[str, list[_Place]] = defaultdict(list)
    for (key, _), each in places.items():
        by_key[key] += each
    have = {key: {(place.span, place.version) for place in each if place.is_file} for key, each in by_key.items()}
    for span, version, _ in spans:
        called = f"span {shown(span, dated)}" + ("" if version is None else f", version {version}")
        for key, each in by_key.items():
            if (span, version) in have[key]:
                continue
            folders = [place.path for place in each if place.span == span and place.version in (version, None)]
            where = f" (in {escape(folders[-1])})" if folders else ""
            raise InputError(
                f"{key}: no file of {called} matches{where}; it seems to be half written: add its files, or remove it"
            )


def _without_markers(pattern: str, places: Sequence[_Place], spans: Sequence[ReadSpan]) -> list[tuple[int, str]]:
    files: dict[tuple[int, int | None], list[_Place]] = defaultdict(list)
    for place in places:
        if place.is_file:
            files[place.span, place.version].append(place)
    filled = {with_texts(pattern, place.texts): span for span, version, _ in spans for place in files[span, version]}
    if not filled:
        # Something for the warning that this pattern matches nothing.
        newest = spans[-1]
        numbers = {"SPAN": newest.span, "VERSION": newest.version or 0}
        if newest.date is not None:
            numbers.update(zip(("YYYY", "MM", "DD"), map(int, newest.date.split("-")), strict=True))
        filled[with_texts(pattern, texts_of(pattern, numbers))] = newest.span
    return [(span, one) for one, span in filled.items()]
