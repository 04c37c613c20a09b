"""Span markers of TFX in patterns, such as `{SPAN}`, which stand for the spans that a run reads."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import escape
from ...text_files.errors import InputError

# An execution property: which spans are asked for, as text (`3,7`); once the driver ran, which are read. So is a custom
# property of the Examples: `[{"span": 7, "version": null, "date": null}]`, from the oldest to the newest.
SPANS_KEY = "spans"

_MARKER = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(?::([^}]*))?\}")
_DATE = ("YYYY", "MM", "DD")
_DIGITS = {"YYYY": "4", "MM": "2", "DD": "2"}


def has_span(pattern: str) -> bool:
    """Says whether a pattern has `{SPAN}` or its kin, which the driver replaces."""
    return _MARKER.search(pattern) is not None


def markers_in(pattern: str) -> set[str]:
    """Returns the names of a pattern's markers: `{"SPAN", "VERSION"}`."""
    return {match[1] for match in _MARKER.finditer(pattern)}


def has_date(pattern: str) -> bool:
    """Says whether the spans of a pattern are days, with `{YYYY}`, `{MM}` and `{DD}`."""
    return not markers_in(pattern).isdisjoint(_DATE)


def names_a_span(pattern: str) -> bool:
    """Says whether a pattern, or the beginning of one, has all that says which span it is."""
    return "SPAN" in markers_in(pattern) or markers_in(pattern).issuperset(_DATE)


def spans_as_wildcards(pattern: str) -> str:
    """Replaces `{SPAN}` and its kin by `*`, for those who only want to know which files there may be."""
    return _MARKER.sub("*", pattern)


def with_texts(pattern: str, texts: Mapping[str, str]) -> str:
    """Replaces the markers of a pattern.

    Args:
        pattern: A pattern.
        texts: What replaces each marker, as `texts_at_markers` returns it: `{"SPAN": "07"}`.
    """
    return _MARKER.sub(lambda match: texts[match[1]], pattern)


def texts_of(pattern: str, numbers: Mapping[str, int]) -> dict[str, str]:
    """Writes numbers as the markers of a pattern want them: `{SPAN:3}` and 7 give `{"SPAN": "007"}`."""
    return {
        match[1]: str(numbers[match[1]]).zfill(int(match[2] or _DIGITS.get(match[1], "1")))
        for match in _MARKER.finditer(pattern)
    }


def texts_at_markers(pattern: str, path: str) -> dict[str, str] | None:
    """Returns what stands at the markers of a pattern in a path: `{"SPAN": "07", "VERSION": "2"}`.

    Args:
        pattern: A glob with markers.
        path: A path that matches `spans_as_wildcards(pattern)`.

    Returns:
        None if it has something else than numbers there.
    """
    match = re.fullmatch(_expression(pattern), path)
    return None if match is None else match.groupdict()


def check_markers(key: str, pattern: str) -> None:
    """Checks that the markers of a pattern can be replaced.

    Args:
        key: What the user calls the setting, a template.
        pattern: A pattern.

    Raises:
        InputError: A marker stands twice or beside `**`, a date is not complete, `{VERSION}` stands alone, or a width
            is no whole number above 0.
    """
    if has_span(pattern) and "**" in pattern.split("/"):
        raise InputError(f"{key}: {escape(pattern)}: ** cannot stand beside a span; give a pattern for each depth")
    for match in _MARKER.finditer(pattern):
        if match[2] is not None and (match[1] in _DATE or not re.fullmatch("[1-9][0-9]?", match[2])):
            raise InputError(
                f"{key}: {escape(pattern)}: {escape(match[0])}: {{{{SPAN}}}} and {{{{VERSION}}}} may have a number of "
                "digits, such as {{SPAN:2}}; other markers have none"
            )
    names = [match[1] for match in _MARKER.finditer(pattern)]
    dates = [name for name in names if name in _DATE]
    spans = names.count("SPAN")
    if len(set(names)) < len(names) or (dates and (spans or len(dates) < len(_DATE))) or names == ["VERSION"]:
        raise InputError(
            f"{key}: {escape(pattern)}: a pattern takes either {{{{SPAN}}}} or {{{{YYYY}}}}, {{{{MM}}}} and "
            "{{DD}}, each once, and {{VERSION}} only beside one of these"
        )


def _expression(pattern: str) -> str:
    """Returns a regular expression of a glob in which markers are numbers, each a group of its name."""
    expression, end = "", 0
    for match in _MARKER.finditer(pattern):
        width = match[2] or _DIGITS.get(match[1], "1,")
        expression += f"{_of_glob(pattern[end : match.start()])}(?P<{match[1]}>[0-9]{{{width}}})"
        end = match.end()
    return expression + _of_glob(pattern[end:])


def _of_glob(pattern: str) -> str:
    """Returns the regular expression of a part of a glob; brackets stand for any one character."""
    parts = re.split(r"(\*|\?|\[\]?[^\]]*\])", pattern)
    return "".join(
        {"*": "[^/]*", "?": "[^/]"}.get(part, "[^/]" if part.startswith("[") else re.escape(part)) for part in parts
    )
