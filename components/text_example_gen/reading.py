"""Reading of all input files in one Beam step: it streams, and Beam may divide it among workers."""

from __future__ import annotations

import bisect
import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeAlias, cast

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker

from ...progress import report
from ...remote import is_remote
from ...text_files.binary import HEAD_BYTES
from ...text_files.errors import UnreadableFileError
from ...text_files.file_types import FileType, compression, file_type
from ...text_files.in_documents import in_documents
from ...text_files.lines import content, raw_lines
from ...text_files.normalization import normalized
from ...text_files.options import RecordOptions
from ...text_files.parquet import open_parquet, rows, values
from ...text_files.parsing import Parsed, parse_line, parse_value
from ...text_files.records import whole_records_of
from ...text_files.records_in_text import check_plain
from ...text_files.unpacking import check_text, content_errors, text_of
from .record import Record, Records
from .stored_sizes import stored_sizes

# The bytes that one worker reads at a time: few enough to share a corpus, many enough for thousands of small files.
MIN_RANGE_BYTES = 2**20
# The same for large files in object storage: what is fetched at once there, 16 MiB with gs:// and s3://, may reach far
# behind a range.
MIN_REMOTE_RANGE_BYTES = 2**26
MAX_RANGES = 1000
_BUFFER_BYTES = 2**20
# With fewer files than this, the lines that are read say enough about progress.
FILES_BETWEEN_REPORTS = 1000
# Most records of a list, and characters of text from which on it takes no further record.
BLOCK_RECORDS = 1000
BLOCK_CHARACTERS = 2**20


@contextmanager
def open_stored(path: str) -> Iterator[BinaryIO]:
    """Opens a file through Beam's file systems, as it is stored: compressed files stay compressed."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        # Python's `readline` reads a file without `peek` byte by byte, and Beam's files of gs:// have none.
        yield file if hasattr(file, "peek") else cast(BinaryIO, io.BufferedReader(file, _BUFFER_BYTES))


def read_files(files: Sequence[tuple[str, str]], options: RecordOptions) -> beam.PTransform:
    """Reads files of any known type.

    Records come in lists, since a Beam element for each would cost more than its reading.

    Args:
        files: Split ("" where the content decides) and path of each file; at least one.
        options: How a record is read.

    Returns:
        A transform from a pipeline's begin to a PCollection of lists of `Record`. On one worker they come in the order
        of the files: the same input gives the same output, byte for byte.
    """
    reader = ReadFiles(files, stored_sizes([path for _, path in files]), options)
    return "Bytes" >> beam.Create([reader.corpus]) | "Records" >> beam.ParDo(ReadFilesInBlocks(reader))


# The number of positions of all files, and the fewest that a range has.
Corpus: TypeAlias = tuple[int, int]


class Bytes(beam.transforms.core.RestrictionProvider):
    """Which positions of the corpus are read: all of them, in ranges that workers share."""

    def initial_restriction(self, element: Corpus) -> OffsetRange:
        """All positions."""
        positions, _ = element
        return OffsetRange(0, positions)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        """The tracker of one range."""
        return OffsetRestrictionTracker(restriction)

    def split(self, element: Corpus, restriction: OffsetRange) -> Iterator[OffsetRange]:
        """The ranges that workers take at first."""
        _, fewest = element
        yield from restriction.split(max(fewest, -(-restriction.size() // MAX_RANGES)))

    def restriction_size(self, element: Corpus, restriction: OffsetRange) -> int:
        """The positions of a range, which Beam weighs ranges by."""
        return restriction.size()


class ReadFiles(beam.DoFn):
    """Reads ranges of the corpus: all files, one behind the other, as one long row of bytes.

    Worked example: files of 3 and 5 bytes begin at positions 0 and 4, since each takes one position more than it has
    bytes, so that an empty one has a position too. A record belongs to the range that holds its first position. A
    compressed file or a CSV file belongs as a whole to the range that holds its first, and so does one whose lines are
    documents.

    A Beam source for each file would take time quadratic in their number: Beam sends the whole list with each part.

    An unreadable file becomes a record, so that its name reaches the user and not a stack trace. A file system's own
    exceptions (other than OSError) are left to Beam, which tries again.
    """

    def __init__(
        self, files: Sequence[tuple[str, str]], sizes: Sequence[int], options: RecordOptions, whole: bool = False
    ) -> None:
        """Lays the files one behind the other.

        Args:
            files: Split and path of each.
            sizes: Bytes of each, as it is stored.
            options: How a record is read.
            whole: Whether each record also has the whole record.
        """
        self._files = list(files)
        self._starts = [0, *itertools.accumulate(size + 1 for size in sizes)]
        self._options = options
        self._text_field = options.text_field
        self._whole = whole

    @property
    def total(self) -> int:
        """The number of positions."""
        return self._starts[-1]

    @property
    def corpus(self) -> Corpus:
        """The element that this step takes."""
        if not any(is_remote(path) for _, path in self._files):
            return self.total, MIN_RANGE_BYTES
        # Nothing is fetched behind the end of a file, and opening many small ones takes long: workers share them.
        average = self.total // len(self._files)
        return self.total, max(MIN_RANGE_BYTES, min(MIN_REMOTE_RANGE_BYTES, average))

    def process(
        self,
        element: Corpus,
        tracker: Any = beam.DoFn.RestrictionParam(Bytes()),  # noqa: B008 - how Beam marks it
    ) -> Iterator[Record]:
        """Yields the records that begin in the tracker's range."""
        restriction = tracker.current_restriction()
        first = bisect.bisect_right(self._starts, restriction.start) - 1
        for index in range(first, len(self._files)):
            start, stop = self._starts[index : index + 2]
            if start >= restriction.stop:
                break
            claims = _Claims(tracker, start, stop - start)
            yield from self._records(*self._files[index], max(0, restriction.start - start), claims)
            if claims.refused:
                return
            if (index + 1) % FILES_BETWEEN_REPORTS == 0:
                report(f"{index + 1:,} of {len(self._files):,} files read", stop / self.total)
        # Says that the range is done, even if no record begins at its end.
        tracker.try_claim(self.total)

    def _records(self, split: str, path: str, begin: int, claims: _Claims) -> Iterator[Record]:
        has_fields = file_type(path).has_fields
        try:
            with content_errors(), open_stored(path) as file:
                if begin == 0 and not has_fields:
                    with text_of(file, compression(path)) as text:
                        check_plain(text.peek(HEAD_BYTES)[:HEAD_BYTES], self._text_field)
                    file.seek(0)
                # Lines before a range belong to its first lines' documents.
                undivided = self._options.documents in ("blank_line", "file")
                pairs = self._normalized(_read(file, path, self._text_field, begin, claims, self._whole, undivided))
                if self._options.documents == "none":
                    for parsed, record in pairs:
                        yield Record(split, path, parsed, has_fields=has_fields, whole=record if self._whole else None)
                    return
                records = ((record if self._whole else None, parsed) for parsed, record in pairs)
                for line in in_documents(records, self._options.documents, self._options.context_tokens):
                    yield Record(split, path, line.parsed, "", has_fields, line.record, line.document, line.context)
        except UnreadableFileError as error:
            yield Record(split, path, None, error.template)

    def _normalized(self, pairs: Iterator[Pair]) -> Iterator[Pair]:
        for parsed, record in pairs:
            yield parsed._replace(text=normalized(parsed.text, self._options.normalization)), record


@beam.typehints.with_output_types(Records)
class ReadFilesInBlocks(beam.DoFn):
    """`ReadFiles`, with its records in lists. Each is claimed before the next is read, and so belongs to the range."""

    def __init__(self, reader: ReadFiles) -> None:
        """Args: reader: The step that reads each record."""
        self._reader = reader

    def process(
        self,
        element: Corpus,
        tracker: Any = beam.DoFn.RestrictionParam(Bytes()),  # noqa: B008 - how Beam marks it
    ) -> Iterator[Records]:
        """Yields the records that begin in the tracker's range."""
        block = Records()
        characters = 0
        for record in self._reader.process(element, tracker):
            block.append(record)
            characters += len(record.context) + (len(record.parsed.text) if record.parsed else 0)
            if len(block) >= BLOCK_RECORDS or characters >= BLOCK_CHARACTERS:
                yield block
                block, characters = Records(), 0
        if block:
            yield block


class _Claims:
    """Asks Beam whether a record is still to be read here; another worker may have taken the rest of the range.

    Attributes:
        size: Positions of the file; those that are claimed are less than it.
        refused: Whether the rest belongs to another range.
    """

    def __init__(self, tracker: Any, start: int, size: int) -> None:
        self._try_claim = tracker.try_claim
        self._start = start
        self.size = size
        self.refused = False

    def __call__(self, position: int) -> bool:
        # A file that has grown since the list was made has no further positions; its rest is the last record's.
        if position >= self.size:
            return True
        self.refused = not self._try_claim(self._start + position)
        return not self.refused


# A text or a problem, and the record that it belongs to.
Pair: TypeAlias = tuple[Parsed, Any]


def _read(
    file: BinaryIO, path: str, text_field: str, begin: int, claims: _Claims, whole: bool, undivided: bool
) -> Iterator[Pair]:
    """Reads the records of a file whose position is at least `begin`, as far as they can be claimed."""
    kind = file_type(path)
    if kind is FileType.PARQUET and not undivided:
        yield from _read_rows(file, text_field, begin, claims, whole)
    elif kind is not FileType.CSV and not compression(path) and not undivided:
        yield from _read_lines(file, kind, text_field, begin, claims)
    elif begin == 0 and claims(0):
        for _, parsed, record in whole_records_of(file, kind, compression(path), text_field, whole):
            yield parsed, record


def _read_lines(file: BinaryIO, kind: FileType, text_field: str, begin: int, claims: _Claims) -> Iterator[Pair]:
    """Reads the lines of a text or JSON-lines file whose first byte is at `begin` or behind it."""
    position = begin
    if position > 0:
        # From one byte before: where that byte ends a line, the next line is the range's own first.
        file.seek(position - 1)
        size, _ = next(raw_lines(file), (1, None))
        position += size - 1
    else:
        check_text(file.read(HEAD_BYTES))
        file.seek(0)
    for size, raw in raw_lines(file):
        if not claims(position):
            return
        line = None if raw is None else content(raw, first_of_file=position == 0)
        yield parse_line(line, kind, text_field), line
        position += size


def _read_rows(file: BinaryIO, text_field: str, begin: int, claims: _Claims, whole: bool) -> Iterator[Pair]:
    """Reads the row groups of a Parquet file at `begin` or behind it; they stand at equal distances."""
    parquet = open_parquet(file, text_field)
    for index in range(parquet.num_row_groups):
        position = index * claims.size // parquet.num_row_groups
        if position < begin or not parquet.metadata.row_group(index).num_rows:
            continue
        if not claims(position):
            return
        if whole:
            yield from ((parse_value(value), row) for value, row in rows(parquet, text_field, [index]))
        else:
            yield from ((parse_value(value), None) for value in values(parquet, text_field, [index]))
