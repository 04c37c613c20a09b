"""Decompression of files, and the errors of reading them."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ..errors import escape
from .binary import HEAD_BYTES, other_format
from .errors import UnreadableFileError
from .file_types import GZIP, ZSTANDARD

# Small, since 3 bytes may decompress to 128 KiB.
_PACKED_BYTES_AT_ONCE = 1024


def unpacked(file: BinaryIO, how: str) -> BinaryIO:
    """Returns the content of an open file.

    Python's gzip is used, since Beam's reads a truncated file without an error.

    Args:
        file: The file as it is stored.
        how: Its compression, from `file_types.compression`.

    Returns:
        The content, open for reading; the file itself if it is not compressed.
    """
    if how == GZIP:
        return cast(BinaryIO, gzip.GzipFile(fileobj=file))
    if how == ZSTANDARD:
        return cast(BinaryIO, io.BufferedReader(_Zstandard(file), 2**17))
    return file


@contextmanager
def text_of(file: BinaryIO, how: str) -> Iterator[io.BufferedReader]:
    """Decompresses a text file and checks its first bytes.

    Args:
        file: The file as it is stored; it need not be seekable.
        how: Its compression, from `file_types.compression`.

    Yields:
        The content from its beginning.

    Raises:
        UnreadableFileError: The first bytes are not those of UTF-8 text, but of UTF-16 or a picture, for example.
    """
    content = unpacked(file, how)
    head = content.read(HEAD_BYTES)
    check_text(head)
    yield io.BufferedReader(Joined(head, content), HEAD_BYTES)


def check_text(head: bytes) -> None:
    """Raises an `UnreadableFileError` if the first bytes of a file are those of another format."""
    if what := other_format(head):
        raise not_text(what)


def not_text(what: str) -> UnreadableFileError:
    """Returns the error of a file that is not text."""
    return UnreadableFileError(f"not text but {escape(what)}, whatever its ending says")


@contextmanager
def content_errors() -> Iterator[None]:
    """Turns errors of reading a file's content into an UnreadableFileError with the reason."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableFileError(f"not a complete gzip file ({escape(error)})") from error
    except _ZstandardError as error:
        raise UnreadableFileError(f"not a complete zstandard file ({escape(error)})") from error
    except OSError as error:
        raise UnreadableFileError(f"cannot be read ({escape(error.strerror or error)})") from error


class _ZstandardError(Exception):
    """Damaged zstandard data."""


class Joined(io.RawIOBase):
    """Bytes that were read ahead, and then the rest of the file."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads some bytes; 0 at the end."""
        data = self._head[: len(buffer)] or self._rest.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class _Zstandard(io.RawIOBase):
    """The content of zstandard frames. The library's own reader accepts a truncated file."""

    def __init__(self, file: BinaryIO) -> None:
        self._pieces = _frames(file)
        self._piece = b""

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads some bytes; 0 at the end."""
        if not self._piece:
            self._piece = next(self._pieces, b"")
        data, self._piece = self._piece[: len(buffer)], self._piece[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _frames(file: BinaryIO) -> Iterator[bytes]:
    """Yields the content in pieces that are not empty."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    frame = None
    try:
        while packed := file.read(_PACKED_BYTES_AT_ONCE):
            while packed:
                frame = frame or decompressor.decompressobj()
                if piece := frame.decompress(packed):
                    yield piece
                packed = frame.unused_data if frame.eof else b""
                frame = None if frame.eof else frame
    except zstandard.ZstdError as error:
        raise _ZstandardError(str(error).removeprefix("zstd decompress error: ")) from error
    if frame is not None:
        raise _ZstandardError("it ends in the middle")
