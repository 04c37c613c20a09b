"""Check of a local file by its name and its first bytes, before any work."""

from __future__ import annotations

from pathlib import Path

from ..errors import escape
from .binary import HEAD_BYTES, why_not_text
from .csv_rows import csv_values
from .errors import UnreadableFileError
from .file_types import FileType, compression, file_type
from .parquet import open_parquet
from .records_in_text import check_plain
from .unpacking import content_errors, not_text, text_of


def look_at(path: str, text_field: str) -> None:
    """Checks a file.

    Args:
        path: A local file.
        text_field: The field or column that holds the text.

    Raises:
        InputError: The ending is not known.
        UnreadableFileError: It is not a regular file, cannot be opened, has another type than its ending says, or lacks
            the column.
    """
    if Path(path).exists() and not Path(path).is_file():
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
                check_plain(text.peek(HEAD_BYTES)[:HEAD_BYTES], text_field)
            if kind is FileType.CSV:
                next(csv_values(text, text_field), None)
            if kind is FileType.JSON_LINES and text.peek(1024).lstrip().startswith(b"["):
                raise UnreadableFileError(
                    "holds a JSON array, and not one JSON object a line; write it as JSON lines: "
                    f"jq -c .[] {escape(path)} > x.jsonl"
                )
