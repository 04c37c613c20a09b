"""The rows of a CSV file with a header, and their text column."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ..errors import escape
from .errors import UnreadableFileError
from .lines import BYTE_ORDER_MARK, MAX_LINE_BYTES, raw_lines

# Python 3.10's csv refuses a NUL. Half a surrogate pair stands for it, which no byte of the file is decoded to.
_NUL = "\udc00"


class Row(NamedTuple):
    """One row.

    Attributes:
        value: The bytes of the text column: empty in an empty row, None in a row that is too short to have one.
        columns: The names of the columns; every row has the same list.
        cells: The row's cells; there may be fewer or more of them than columns.
    """

    value: bytes | None
    columns: list[str]
    cells: list[str]


def csv_rows(file: BinaryIO, text_field: str) -> Iterator[Row]:
    r"""Reads rows, streaming; a quoted field may hold line breaks.

    Args:
        file: The content, UTF-8, from its beginning; the first row names the columns.
        text_field: Name of the column that holds the text.

    Yields:
        The rows behind the header.

    Raises:
        UnreadableFileError: The column is missing, quotes are not in pairs, or a field or line is too long.
    """
    # The module's own limit, 128 KiB, is far below that of a line.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    # An unpaired quote is an error: it would silently make one field of the rest of the file.
    rows = csv.reader(_decoded(file), strict=True)
    try:
        # Blank lines before the header belong to nothing.
        header = _with_nuls(next(filter(None, rows), []))
        if header.count(text_field) > 1:
            raise UnreadableFileError(
                f"{header.count(text_field)} columns {escape(repr(text_field))}; rename all but one"
            )
        if text_field not in header:
            columns = ", ".join(header).encode("utf-8", "replace").decode("utf-8") or "none"
            if separator := _other_separator(header, text_field):
                raise UnreadableFileError(
                    f"columns are separated by {separator}, and not by commas; write it with commas: "
                    f'python -c "import csv, sys; csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, '
                    f'delimiter={separator}))" < OLD.csv > NEW.csv'
                )
            raise UnreadableFileError(
                f"no column {escape(repr(text_field))}; the columns are {escape(columns)}; set {{text_field}}"
            )
        index = header.index(text_field)
        for row in map(_with_nuls, rows):
            if not row:
                value: bytes | None = b""
            else:
                value = row[index].encode("utf-8", "surrogateescape") if index < len(row) else None
            yield Row(value, header, row)
    except csv.Error as error:
        # Python's own remedy is one for programmers.
        reason = str(error)
        if reason.startswith("new-line character"):
            reason = "a carriage return outside quotes, within a row; put the value in quotes"
        raise UnreadableFileError(f"cannot be read as CSV (line {rows.line_num}: {escape(reason)})") from error


def _other_separator(header: list[str], text_field: str) -> str | None:
    """Returns the separator of the columns as a Python literal if it is not a comma; otherwise None."""
    separators = (separator for separator in ";\t|" if text_field in header[0].split(separator)) if header else ()
    return next(map(repr, separators), None)


def _with_nuls(row: list[str]) -> list[str]:
    return [cell.replace(_NUL, "\0") for cell in row]


def _decoded(file: BinaryIO) -> Iterator[str]:
    for number, (_, raw) in enumerate(raw_lines(file)):
        if raw is None:
            raise csv.Error(f"a line is longer than {MAX_LINE_BYTES // 2**20} MiB")
        line = raw if number else raw.removeprefix(BYTE_ORDER_MARK)
        # Invalid bytes become surrogates; `parse_value` reports them.
        yield line.decode("utf-8", "surrogateescape").replace("\0", _NUL)
