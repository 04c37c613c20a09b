"""Span markers of TFX in patterns, such as `{SPAN}`, which its driver replaces by the newest span that is there."""

from __future__ import annotations

import re

from ...errors import escape
from ...text_files.errors import InputError

_MARKER = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(?::([^}]*))?\}")
_DATE = ("YYYY", "MM", "DD")
_DIGITS = {"YYYY": "4", "MM": "2", "DD": "2"}


def has_span(pattern: str) -> bool:
    """Says whether a pattern has `{SPAN}` or its kin, which TFX's driver replaces."""
    return _MARKER.search(pattern) is not None


def spans_as_wildcards(pattern: str) -> str:
    """Replaces `{SPAN}` and its kin by `*`, for those who only want to know which files there may be."""
    return _MARKER.sub("*", pattern)


def check_markers(key: str, pattern: str) -> None:
    """Checks that TFX's driver can replace the markers of a pattern.

    Args:
        key: What the user calls the setting, a template.
        pattern: A pattern.

    Raises:
        InputError: A marker stands twice, a date is not complete, or `{VERSION}` stands alone.
    """
    names = [match[1] for match in _MARKER.finditer(pattern)]
    dates = [name for name in names if name in _DATE]
    spans = names.count("SPAN")
    if len(set(names)) < len(names) or (dates and (spans or len(dates) < len(_DATE))) or names == ["VERSION"]:
        raise InputError(
            f"{key}: {escape(pattern)}: a pattern takes either {{{{SPAN}}}} or {{{{YYYY}}}}, {{{{MM}}}} and "
            "{{DD}}, each once, and {{VERSION}} only beside one of these"
        )


def check_numbers(key: str, pattern: str, path: str) -> None:
    """Checks that a file which matches a pattern has numbers at its markers, as TFX's driver needs.

    Args:
        key: What the user calls the setting, a template.
        pattern: The part of a glob that has markers.
        path: A file that matches `spans_as_wildcards(pattern)`.

    Raises:
        InputError: It has something else there.
    """
    if has_span(pattern) and not re.fullmatch(_expression(pattern), path):
        raise InputError(
            f"{key}: {escape(path)} matches {escape(pattern)}, whose markers stand for numbers; move it elsewhere, or "
            "give a pattern that does not match it"
        )


def _expression(pattern: str) -> str:
    """Returns a regular expression of a glob in which markers are numbers."""
    expression, end = "", 0
    for match in _MARKER.finditer(pattern):
        width = match[2] or _DIGITS.get(match[1], "1,")
        expression += f"{_of_glob(pattern[end : match.start()])}[0-9]{{{width}}}"
        end = match.end()
    return expression + _of_glob(pattern[end:])


def _of_glob(pattern: str) -> str:
    """Returns the regular expression of a part of a glob; brackets stand for any one character."""
    parts = re.split(r"(\*|\?|\[\]?[^\]]*\])", pattern)
    return "".join(
        {"*": "[^/]*", "?": "[^/]"}.get(part, "[^/]" if part.startswith("[") else re.escape(part)) for part in parts
    )
