"""Parsing of one record into its text or its problem."""

from __future__ import annotations

import json
from collections import Counter
from enum import Enum
from typing import Any, NamedTuple

from .file_types import FileType
from .lines import MAX_LINE_BYTES

_MISSING, _TWICE = object(), object()


class Problem(Enum):
    """Problem of one record."""

    INVALID_UTF8 = "invalid_utf8"
    NOT_JSON = "not_json"
    NO_TEXT = "no_text"
    TWICE = "twice"
    TOO_LONG = "too_long"


class Parsed(NamedTuple):
    """One record.

    Attributes:
        text: The text; empty if there is a problem.
        problem: The problem, or None.
    """

    text: str
    problem: Problem | None = None


def parse_line(line: bytes | None, kind: FileType, text_field: str) -> Parsed:
    """Reads one line of a text or JSON-lines file.

    Args:
        line: The line without terminator; None for a line that is too long.
        kind: The type of its file.
        text_field: The field of a JSON record that holds the text; `a.b` is the field b of the field a.

    Returns:
        The text or the problem. A blank line of a JSON-lines file is an empty text, and so is a null: as in Parquet,
        it is dropped and counted like an empty line.
    """
    if line is None:
        return Parsed("", Problem.TOO_LONG)
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return Parsed("", Problem.INVALID_UTF8)
    if kind is FileType.TEXT or not text.strip():
        return Parsed(text)
    return _parse_json(text, text_field)


def _parse_json(line: str, text_field: str) -> Parsed:
    try:
        record = json.loads(line, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return Parsed("", Problem.NOT_JSON)
    text = _field(record, text_field)
    if text is _TWICE:
        return Parsed("", Problem.TWICE)
    if text is None:
        return Parsed("")
    if not isinstance(text, str):
        return Parsed("", Problem.NO_TEXT)
    try:
        # "\ud800" is valid JSON, but half a surrogate pair, which UTF-8 cannot encode.
        text.encode("utf-8")
    except UnicodeEncodeError:
        return Parsed("", Problem.INVALID_UTF8)
    return Parsed(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a JSON object, in which a repeated name has the value `_TWICE`."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        fields.update((name, _TWICE) for name, count in counts.items() if count > 1)
    return fields


def _field(record: Any, text_field: str) -> Any:
    """Finds the value of a field, for `a.b` that of `b` in the field `a`.

    Returns:
        The value; `_MISSING` if there is no such field, `_TWICE` if a record has one of the names twice.
    """
    if not isinstance(record, dict):
        return _MISSING
    if text_field in record:
        return record[text_field]
    value: Any = record
    for name in text_field.split("."):
        if value is None or value is _TWICE:
            return value
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = value[name]
    return value


def parse_value(value: bytes | None, missing: bool = False) -> Parsed:
    """Reads one value of a column.

    Args:
        value: The bytes of the value; None for a null.
        missing: True if the row has no such column.

    Returns:
        The text or the problem. A null is an empty text, which is dropped and counted like an empty line.
    """
    if missing:
        return Parsed("", Problem.NO_TEXT)
    if value is None:
        return Parsed("")
    if len(value) > MAX_LINE_BYTES:
        return Parsed("", Problem.TOO_LONG)
    try:
        return Parsed(value.decode("utf-8"))
    except UnicodeDecodeError:
        return Parsed("", Problem.INVALID_UTF8)
