"""Check of a local file by its name and its first bytes, before any work."""

from __future__ import annotations

import json
import shlex
import stat
from pathlib import Path

from ..errors import escape
from .binary import HEAD_BYTES, why_not_text
from .csv_rows import csv_rows
from .errors import UnreadableFileError
from .file_types import GZIP, ZSTANDARD, FileType, compression, file_type
from .lines import BYTE_ORDER_MARK
from .parquet import open_parquet
from .records_in_text import check_plain, is_object
from .unpacking import content_errors, not_text, text_of


def look_at(path: str, text_field: str, as_lines: str | None = None) -> None:
    """Checks a file.

    Args:
        path: A local file.
        text_field: The field or column that holds the text.
        as_lines: See `check_plain`.

    Raises:
        InputError: The ending is not known.
        UnreadableFileError: It is not a regular file, cannot be opened, has another type than its ending says, or lacks
            the column.
    """
    with content_errors():
        regular = stat.S_ISREG(Path(path).stat().st_mode)
    if not regular:
        raise UnreadableFileError(
            "not a regular file, and files are read more than once; save it to a file first, such as corpus.txt"
        )
    kind = file_type(path)
    with content_errors(), Path(path).open("rb") as file:
        if kind is FileType.PARQUET:
            open_parquet(file, text_field)
            return
        with text_of(file, compression(path)) as text:
            if what := why_not_text(text.peek(HEAD_BYTES)[:HEAD_BYTES]):
                raise not_text(what)
            if kind is FileType.TEXT:
                check_plain(text.peek(HEAD_BYTES)[:HEAD_BYTES], text_field, as_lines)
            if kind is FileType.CSV:
                next(csv_rows(text, text_field), None)
            if kind is FileType.JSON_LINES and (problem := _not_lines(text.peek(HEAD_BYTES)[:HEAD_BYTES])):
                what, filter_ = problem
                jq, name = f"jq -c {filter_}", shlex.quote(path)
                unpack = {GZIP: "gzip -dc", ZSTANDARD: "zstd -dc"}.get(compression(path))
                command = f"{unpack} {name} | {jq} > x.jsonl" if unpack else f"{jq} {name} > x.jsonl"
                raise UnreadableFileError(
                    f"holds {what}, and not one JSON object a line; write it as JSON lines: {escape(command)}"
                )


def _not_lines(head: bytes) -> tuple[str, str] | None:
    """Returns what JSON it is that does not stand in lines, and jq's filter that makes lines of it.

    A first line that is not valid alone is no such case: `RecordOptions.invalid_records` decides about it.
    """
    text = head.removeprefix(BYTE_ORDER_MARK).decode("utf-8", "replace").lstrip()
    end = _end_of_json(text)
    if text.startswith("["):
        # Without an end, the array goes on beyond the head, or the line is not valid.
        whole = bool(end) and text[end:].lstrip()[:1] in ("", "[")
        second = text.partition("\n")[2].lstrip().partition("\n")[0]
        return ("a JSON array", ".[]") if whole or not is_object(second) else None
    if not text.startswith("{") or not end:
        return None
    behind = text[end:].lstrip(" \t\r")
    if "\n" in text[:end] or (behind.startswith("{") and _end_of_json(behind)):
        return "JSON objects that run over lines or share one", "."
    return None


def _end_of_json(text: str) -> int:
    """Returns the length of the JSON value with which a text begins; 0 if it begins with none."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return 0
