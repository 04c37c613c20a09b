"""Messages about records that cannot be used."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from ..errors import escape
from .file_types import FileType
from .lines import MAX_LINE_BYTES
from .parsing import Parsed, Problem

# Number of records after a bad one that are read, to count those with the field.
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
    """Returns the problem and its remedy, both templates of a `SettingError`.

    Args:
        problem: The problem.
        text_field: The field or column that should hold the text.
        with_text: Number of records that have a string there.
        records: Number of records that were read.
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
    """Place of a record, for messages.

    Attributes:
        path: The file, or another name of the input.
        kind: Its type.
        number: The line or row, from 1.
    """

    path: str
    kind: FileType
    number: int


def has_text(parsed: Parsed) -> bool:
    """Returns True if the record has a string as its text; False for a null and for a blank line."""
    return bool(parsed.text) or parsed.problem is Problem.INVALID_UTF8


def record_problem(
    problem: Problem, place: Place, text_field: str, with_text: int, rest: Iterator[tuple[int, Parsed]]
) -> str:
    """Returns one sentence about one record, the template of a `SettingError`.

    Args:
        problem: The problem.
        place: The record.
        text_field: The field or column that should hold the text.
        with_text: Number of records before it that have a text.
        rest: The records after it. Some are read to find out if the name of the field is wrong, or this record.

    Returns:
        The sentence, such as `a.jsonl line 3: not valid JSON; each line must hold one JSON object; ...`.
    """
    ahead = list(itertools.islice(rest, LOOK_AHEAD)) if problem is Problem.NO_TEXT else []
    with_text += sum(has_text(parsed) for _, parsed in ahead)
    without = 1 + sum(parsed.problem is Problem.NO_TEXT for _, parsed in ahead)
    what, remedy = what_and_remedy(problem, text_field, with_text, with_text + without)
    return f"{escape(place.path)} {place.kind.record_name} {place.number}: {what}; {remedy}"
