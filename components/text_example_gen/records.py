"""All records of one file in order, with their numbers: what the checks before and after the pipeline read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ...errors import escape
from ...transform.lines import content, raw_lines
from .errors import UnreadableFileError
from .file_types import FileType, file_type, is_gzip
from .parquet import open_parquet, values
from .parsing import Parsed, parse_line, parse_value


@contextmanager
def decompressed(file: BinaryIO, path: str) -> Iterator[BinaryIO]:
    """The content of an open file: decompressed where its ending says so, the file itself elsewhere.

    Python's own gzip is used, since Beam's reads a truncated file without a word.
    """
    if not is_gzip(path):
        yield file
        return
    with gzip.GzipFile(fileobj=file) as unpacked:
        yield cast(BinaryIO, unpacked)


@contextmanager
def content_errors() -> Iterator[None]:
    """Turns what is raised while reading a file's content into UnreadableFileError, which says why."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"not a complete gzip file ({escape(error)})") from error
    except OSError as error:
        raise UnreadableFileError(f"cannot be read ({escape(error.strerror or error)})") from error


def numbered_records(file: BinaryIO, path: str, text_field: str) -> Iterator[tuple[int, Parsed]]:
    """Reads a file from its beginning, streaming.

    Args:
        file: The file as it is stored, open for reading bytes (and seekable, if it is Parquet).
        path: Its path, which says its type.
        text_field: The JSON field or Parquet column that holds the text.

    Yields:
        The number of the line or row, from 1, and its text or problem.

    Raises:
        UnreadableFileError: The content is not what the ending says.
        InputError: The ending is not known.
    """
    kind = file_type(path)
    with content_errors():
        if kind is FileType.PARQUET:
            parquet = open_parquet(file, text_field)
            rows = values(parquet, text_field, range(parquet.num_row_groups))
            yield from enumerate(map(parse_value, rows), start=1)
            return
        with decompressed(file, path) as unpacked:
            for number, (_, raw) in enumerate(raw_lines(unpacked), start=1):
                line = None if raw is None else content(raw, first_of_file=number == 1)
                yield number, parse_line(line, kind, text_field)
