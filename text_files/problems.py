"""What the user is told about records that cannot be used."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import escape
from .file_types import FileType
from .lines import MAX_LINE_BYTES
from .parsing import Parsed, Problem

# Records behind a bad one that are read, to say how many have the field.
LOOK_AHEAD = 1000

_WHAT = {
    Problem.INVALID_UTF8: "not valid UTF-8",
    Problem.NOT_JSON: "not valid JSON",
    Problem.TOO_LONG: f"longer than {MAX_LINE_BYTES // 2**20} MiB",
}
_REMEDY = {
    Problem.INVALID_UTF8: "repair the text, or set {invalid_utf8} to drop",
    Problem.NOT_JSON: "each line must hold one JSON object; repair the file, or set {invalid_records} to drop",
    Problem.TOO_LONG: (
        "a line is one example: break the text into sentences or paragraphs, or set {invalid_records} to drop"
    ),
}


def what_and_remedy(problem: Problem, text_field: str, with_text: int, records: int) -> tuple[str, str]:
    """Returns what is wrong and what to do, both templates of a `SettingError`.

    Args:
        problem: The problem.
        text_field: The field or column that was looked for.
        with_text: How many records have a string there.
        records: Of how many records.
    """
    if problem is Problem.TWICE:
        return f"with the field {escape(repr(text_field))} twice", "keep one, or set {invalid_records} to drop"
    if problem is not Problem.NO_TEXT:
        return _WHAT[problem], _REMEDY[problem]
    field = f"without a string in field {escape(repr(text_field))}"
    if with_text:
        return (
            f"{field} ({with_text:,} of {records:,} records have one)",
            "repair the others, or set {invalid_records} to drop",
        )
    return field, "set {text_field} to the field that holds the text"


class Place(NamedTuple):
    """Where a record stands.

    Attributes:
        path: The file, or what else to call the input.
        kind: Its type.
        number: The line or row, from 1.
    """

    path: str
    kind: FileType
    number: int


def has_text(parsed: Parsed) -> bool:
    """Returns whether a record has a string where its text should be; a null or a blank line is no record."""
    return bool(parsed.text) or parsed.problem is Problem.INVALID_UTF8


def record_problem(
    problem: Problem, place: Place, text_field: str, with_text: int, rest: Iterator[tuple[int, Parsed]]
) -> str:
    """Returns one sentence about one record, the template of a `SettingError`.

    Args:
        problem: What is wrong.
        place: The record.
        text_field: The field or column that was looked for.
        with_text: How many of the records before it have a text.
        rest: The records behind it; some are read to learn whether the field's name is wrong or this record.

    Returns:
        Such as `a.jsonl line 3: not valid JSON; each line must hold one JSON object; ...`.
    """
    ahead = list(itertools.islice(rest, LOOK_AHEAD)) if problem is Problem.NO_TEXT else []
    with_text += sum(has_text(parsed) for _, parsed in ahead)
    without = 1 + sum(parsed.problem is Problem.NO_TEXT for _, parsed in ahead)
    what, remedy = what_and_remedy(problem, text_field, with_text, with_text + without)
    return f"{escape(place.path)} {place.kind.record_name} {place.number}: {what}; {remedy}"
