"""All records of one file in order, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from .csv_rows import csv_rows
from .file_types import FileType, compression, file_type
from .lines import content, raw_lines
from .parquet import open_parquet, rows, values
from .parsing import Parsed, parse_line, parse_value
from .unpacking import content_errors, text_of


def numbered_records(file: BinaryIO, path: str, text_field: str) -> Iterator[tuple[int, Parsed]]:
    """Reads a file from its beginning, streaming.

    Args:
        file: The file as it is stored, open for reading bytes (and seekable, if it is Parquet).
        path: Its path, whose ending gives the type.
        text_field: The field or column that holds the text.

    Yields:
        The number of the line or row, from 1, and its text or problem.

    Raises:
        UnreadableFileError: The content is of another type than the ending says.
        InputError: The ending is not known.
    """
    return numbered_records_of(file, file_type(path), compression(path), text_field)


def numbered_records_of(file: BinaryIO, kind: FileType, how: str, text_field: str) -> Iterator[tuple[int, Parsed]]:
    """Reads a file of a given type.

    Args:
        file: See `numbered_records`.
        kind: The type.
        how: The compression, from `file_types.compression`.
        text_field: The field or column that holds the text.

    Yields:
        See `numbered_records`.

    Raises:
        UnreadableFileError: See `numbered_records`.
    """
    for number, parsed, _ in whole_records_of(file, kind, how, text_field, whole=False):
        yield number, parsed


def whole_records_of(
    file: BinaryIO, kind: FileType, how: str, text_field: str, whole: bool = True
) -> Iterator[tuple[int, Parsed, Any]]:
    """Reads a file of a given type with everything that its records hold.

    Args:
        file: See `numbered_records`.
        kind: The type.
        how: The compression, from `file_types.compression`.
        text_field: See `numbered_records`.
        whole: Whether the columns of Parquet besides the text are read.

    Yields:
        Number and text or problem, as `numbered_records` does, and the record: the bytes of a line, the columns and
        cells of a CSV row, or the dictionary of a Parquet row (see `parquet.rows`).

    Raises:
        UnreadableFileError: See `numbered_records`.
    """
    with content_errors():
        if kind is FileType.PARQUET:
            parquet = open_parquet(file, text_field)
            groups = range(parquet.num_row_groups)
            pairs = (
                rows(parquet, text_field, groups) if whole else ((v, None) for v in values(parquet, text_field, groups))
            )
            for number, (value, record) in enumerate(pairs, start=1):
                yield number, parse_value(value), record
            return
        with text_of(file, how) as text:
            if kind is FileType.CSV:
                for number, row in enumerate(csv_rows(text, text_field), start=1):
                    yield number, parse_value(row.value, missing=row.value is None), row
                return
            for number, (_, raw) in enumerate(raw_lines(text), start=1):
                line = None if raw is None else content(raw, first_of_file=number == 1)
                yield number, parse_line(line, kind, text_field), line
