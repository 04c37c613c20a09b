"""TFRecord files on Beam in blocks: lists of records, since an element for each would cost more than its reading."""

from __future__ import annotations

import functools
import gzip
import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, cast

import apache_beam as beam
import google_crc32c
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from .examples import compression

# Most records of a block that is read, and bytes from which on it takes no further record.
BLOCK_RECORDS = 4096
BLOCK_BYTES = 2**20

# The default, 6, makes files of text a tenth smaller, in three times the time.
_GZIP_LEVEL = 1
_UINT32 = struct.Struct("<I")
# What readers of damaged files raise; Beam's own errors are OSErrors that name the file.
_DAMAGE = (ValueError, OverflowError, EOFError, zlib.error, gzip.BadGzipFile)


def records_of(file: BinaryIO) -> Iterator[bytes]:
    """Reads the records of an uncompressed TFRecord file.

    Args:
        file: The file, at its beginning.

    Raises:
        ValueError: It is no TFRecord file, or damaged; the message says how.
    """
    read = file.read
    while header := read(12):
        if len(header) < 12:
            raise ValueError("it ends within a record's length")
        length = int.from_bytes(header[:8], "little")
        if _header(length) != header:
            raise ValueError("the checksum of a record's length is another")
        record = read(length)
        checksum = read(4)
        if len(checksum) < 4:
            raise ValueError("it ends within a record")
        if _masked_checksum(record) != checksum:
            raise ValueError("the checksum of a record is another")
        yield record


def framed(records: Iterable[bytes]) -> bytes:
    """Returns records as they stand one behind the other in a TFRecord file."""
    parts: list[bytes] = []
    for record in records:
        parts += (_header(len(record)), record, _masked_checksum(record))
    return b"".join(parts)


# Most records of a corpus have one of few lengths.
@functools.lru_cache(maxsize=4096)
def _header(length: int) -> bytes:
    encoded = struct.pack("<Q", length)
    return encoded + _masked_checksum(encoded)


def _masked_checksum(data: bytes) -> bytes:
    checksum: int = google_crc32c.value(data)
    return _UINT32.pack(((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def blocks_of(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Divides records into lists of at most `BLOCK_RECORDS`, which end with the record that reaches `BLOCK_BYTES`."""
    block: list[bytes] = []
    size = 0
    for record in records:
        block.append(record)
        size += len(record)
        if len(block) >= BLOCK_RECORDS or size >= BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


@beam.typehints.with_input_types(str)
@beam.typehints.with_output_types(list[bytes])
class ReadBlocks(beam.DoFn):
    """Reads whole TFRecord files, given by path."""

    def __init__(self, by_name: bool = True) -> None:
        """Args: by_name: Whether files are compressed as their names say; else with gzip if they begin like it."""
        self._by_name = by_name

    def process(self, path: str) -> Iterator[list[bytes]]:
        """Yields the blocks of a file in order.

        Raises:
            ValueError: The file is damaged, or no TFRecord file.
        """
        kind = CompressionTypes.detect_compression_type(path) if self._by_name else _by_content(path)
        is_gzip = kind == CompressionTypes.GZIP
        # Beam's own reader of gzip takes three times as long.
        stored_as = CompressionTypes.UNCOMPRESSED if is_gzip else kind
        try:
            with FileSystems.open(path, compression_type=stored_as) as stored:
                # With a buffer, since each read of gzip's own goes through Python functions.
                file = io.BufferedReader(cast(Any, gzip.open(stored)), BLOCK_BYTES) if is_gzip else stored  # noqa: SIM115
                yield from blocks_of(records_of(cast(BinaryIO, file)))
        except _DAMAGE as error:
            raise ValueError(f"{path}: not a valid TFRecord file ({error}); write it again") from error


def _by_content(path: str) -> str:
    return CompressionTypes.GZIP if compression(path) else CompressionTypes.UNCOMPRESSED


def read_blocks(files: Sequence[str], by_name: bool = True) -> beam.PTransform:
    """Reads TFRecord files; workers share them.

    Args:
        files: The files.
        by_name: See `ReadBlocks`.

    Returns:
        A transform from a pipeline's begin to lists of records.
    """
    return "Files" >> beam.Create(list(files)) | "Blocks" >> beam.ParDo(ReadBlocks(by_name))


def write_blocks(prefix: str) -> beam.PTransform:
    """Writes lists of records to TFRecord files, compressed with gzip.

    Args:
        prefix: Beginning of the files' paths; `-00000-of-00001.gz` and so on is added.
    """
    return beam.io.Write(_Sink(prefix))


class _Sink(FileBasedSink):
    """Beam's sink of TFRecord files, but for lists of records and with a lower level of compression."""

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix, coder=None, file_name_suffix=".gz", compression_type=CompressionTypes.UNCOMPRESSED)

    def open(self, temp_path: str) -> gzip.GzipFile:
        # Without name and time, so that the same records make the same file.
        return gzip.GzipFile("", "wb", _GZIP_LEVEL, super().open(temp_path), mtime=0)

    def write_record(self, file_handle: Any, value: list[bytes]) -> None:
        file_handle.write(framed(value))

    def close(self, file_handle: Any) -> None:
        stored = file_handle.fileobj
        file_handle.close()
        stored.close()
