"""Beam sources for each file type: they stream, and Beam may split them, so that many workers read one file."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

import apache_beam as beam
from apache_beam.io.concat_source import ConcatSource
from apache_beam.io.filebasedsource import FileBasedSource
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from ...transform.lines import content, raw_lines
from .errors import UnreadableFileError
from .file_types import FileType, file_type
from .parquet import open_parquet, row_group_offset, values
from .parsing import Parsed, parse_line, parse_value
from .records import content_errors, decompressed


class Record(NamedTuple):
    """One line or row of the input.

    Attributes:
        split: The split that its file was given for, or "" where the content decides.
        path: The file.
        parsed: Its text or problem; None where the file cannot be read further.
        why_unreadable: The reason for that, the template of a `SettingError`.
    """

    split: str
    path: str
    parsed: Parsed | None
    why_unreadable: str = ""


@contextmanager
def open_stored(path: str) -> Iterator[BinaryIO]:
    """Opens a file through Beam's file systems, as it is stored: compressed files stay compressed."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        yield file


class FileSource(FileBasedSource):
    """One file; an unreadable one becomes a record, so that its name reaches the user and not a stack trace.

    A file system's own exceptions (other than OSError) are left to Beam, which tries again.
    """

    def __init__(self, path: str, split: str, text_field: str) -> None:
        """Takes a file's path, the split it is for ("" for none) and the field or column of its text."""
        # Beam takes a pattern; a path must match itself alone.
        super().__init__(glob.escape(path), validate=False)
        self._split = split
        self._text_field = text_field

    def read_records(self, file_name: str, offset_range_tracker: Any) -> Iterator[Record]:
        """Yields the records that begin in the tracker's range of bytes."""
        read = _read_rows if file_type(file_name) is FileType.PARQUET else _read_lines
        try:
            with content_errors(), open_stored(file_name) as file:
                for parsed in read(file, file_name, self._text_field, offset_range_tracker):
                    yield Record(self._split, file_name, parsed)
        except UnreadableFileError as error:
            yield Record(self._split, file_name, None, error.template)


def _read_lines(file: BinaryIO, path: str, text_field: str, tracker: Any) -> Iterator[Parsed]:
    """Reads a range of a text or JSON-lines file: the lines whose first byte lies in it."""
    kind = file_type(path)
    position = tracker.start_position()
    with decompressed(file, path) as unpacked:
        if position > 0:
            # From one byte before: where that byte ends a line, the next line is the range's own first.
            unpacked.seek(position - 1)
            size, _ = next(raw_lines(unpacked), (0, None))
            position += size - 1
        for size, raw in raw_lines(unpacked):
            if not tracker.try_claim(position):
                return
            line = None if raw is None else content(raw, first_of_file=position == 0)
            yield parse_line(line, kind, text_field)
            position += size


def _read_rows(file: BinaryIO, path: str, text_field: str, tracker: Any) -> Iterator[Parsed]:
    """Reads a range of a Parquet file: the row groups that begin in it."""
    parquet = open_parquet(file, text_field)
    for index in range(parquet.num_row_groups):
        position = row_group_offset(parquet, index)
        if position < tracker.start_position():
            continue
        if not tracker.try_claim(position):
            return
        yield from map(parse_value, values(parquet, text_field, [index]))


def read_files(files: Iterable[tuple[str, str]], text_field: str) -> beam.PTransform:
    """Reads files of any known type.

    All files are one source, so the pipeline does not grow with their number, and on one worker the records come
    in the order of the files: the same input gives the same output, byte for byte.

    Args:
        files: Split ("" where the content decides) and path of each file; at least one.
        text_field: The JSON field or Parquet column that holds the text.

    Returns:
        A transform from a pipeline's begin to a PCollection of `Record`.
    """
    return beam.io.Read(ConcatSource([FileSource(path, split, text_field) for split, path in files]))
