"""Detection of records with fields, such as JSON lines, in files of plain text."""

from __future__ import annotations

import csv
import json
import shlex

from ..errors import escape
from .binary import HEAD_BYTES
from .errors import UnreadableFileError
from .lines import BYTE_ORDER_MARK

_SEPARATORS = ",\t;|"


def check_plain(head: bytes, text_field: str, as_lines: str | None = None) -> None:
    """Refuses records with fields in a file of plain text, since their names and braces would become text.

    Only certain cases are refused: at least two lines that are all JSON objects, or a table whose first line has the
    column of the text.

    Args:
        head: The first bytes of the (decompressed) file, at most `HEAD_BYTES`.
        text_field: The field or column that would hold the text.
        as_lines: How the reader's command takes each line as it is, a template; by default a command of jq.

    Raises:
        UnreadableFileError: The file has records; the message names their type and the remedy.
    """
    if found := records_in(head, text_field):
        what, ending = found
        remedy = f"rename it to {ending}" if ending else "save it as .csv with a header"
        as_lines = as_lines or escape(f"jq -Rc {shlex.quote(_jq_record(text_field))} < OLD.txt > NEW.jsonl")
        raise UnreadableFileError(
            f"called plain text, but holds {what}; {remedy}, or, to take each line as it is: {as_lines}"
        )


def records_in(head: bytes, text_field: str) -> tuple[str, str] | None:
    """Returns what records with fields a text holds, in words, and the ending of their type; None for other text.

    The ending is empty for a table that no type can read.

    Args:
        head: See `check_plain`.
        text_field: See `check_plain`.
    """
    lines = head.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace").split("\n")
    # The last line is empty or cut off.
    lines = lines[:-1] if lines[-1] == "" or len(head) == HEAD_BYTES else lines
    lines = [line.removesuffix("\r") for line in lines if line.strip()]
    if len(lines) < 2:
        return None
    if all(map(is_object, lines)):
        return "JSON lines", ".jsonl"
    separator = _table_separator(lines, text_field)
    if separator == ",":
        return "a CSV file with a header", ".csv"
    return (f"a table separated by {separator!r}", "") if separator else None


def _jq_record(text_field: str) -> str:
    """Returns jq's filter that makes a record of a line: `{"a": {"b": .}}` for the field `a.b`."""
    record = "."
    for name in reversed(text_field.split(".")):
        record = f"{{{json.dumps(name, ensure_ascii=False)}: {record}}}"
    return record


def is_object(line: str) -> bool:
    """Returns whether a line is one JSON object that has fields."""
    if not line.lstrip().startswith("{"):
        return False
    try:
        return bool(json.loads(line))
    except (ValueError, RecursionError):
        return False


def _table_separator(lines: list[str], text_field: str) -> str | None:
    """Returns the separator of a table whose header has the column `text_field`; None for other text."""
    for separator in _SEPARATORS:
        header = lines[0].split(separator)
        if len(header) > 1 and text_field in (name.strip('"') for name in header):
            try:
                widths = {len(row) for row in csv.reader(lines, delimiter=separator)}
            except csv.Error:
                continue
            if widths == {len(header)}:
                return separator
    return None
