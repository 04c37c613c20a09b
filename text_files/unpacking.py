"""Decompression of files, and the errors of reading them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ..errors import escape
from .binary import HEAD_BYTES, other_format, why_not_text
from .errors import UnreadableFileError
from .file_types import GZIP, ZSTANDARD

# Small, since 3 bytes may decompress to 128 KiB.
_PACKED_BYTES_AT_ONCE = 1024
_PIECE_BYTES = 2**17

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTANDARD_MAGIC = b"\x28\xb5\x2f\xfd"
# Frames that a reader passes over begin with a byte from 0x50 to 0x5F and these.
_SKIPPABLE_MAGIC = b"\x2a\x4d\x18"

# A reader holds a frame's window in memory, and zstandard refuses more than 128 MiB, as the program does by default.
_LARGE_WINDOW = (
    "zstandard data with a window of more than 128 MiB, as zstd --long makes it; compress it again: "
    f"zstd -dc --long=31 OLD{ZSTANDARD} | zstd > NEW{ZSTANDARD}"
)


def unpacked(file: BinaryIO, how: str) -> BinaryIO:
    """Returns the content of an open file.

    Beam's gzip and zstandard's own reader read a truncated file without an error. Python's gzip calls what follows the
    data a damaged file.

    Args:
        file: The file as it is stored.
        how: Its compression, from `file_types.compression`.

    Returns:
        The content, open for reading; the file itself if it is not compressed.
    """
    if how == GZIP:
        return cast(BinaryIO, io.BufferedReader(_Pieces(_gzip_members(file)), _PIECE_BYTES))
    if how == ZSTANDARD:
        return cast(BinaryIO, io.BufferedReader(_Pieces(_zstandard_frames(file)), _PIECE_BYTES))
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
    except OSError as error:
        raise UnreadableFileError(f"cannot be read ({escape(error.strerror or error)})") from error


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


class _Pieces(io.RawIOBase):
    """Content that is made in pieces, none of them empty."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        # A view, since a piece may be as long as ten thousand reads.
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        """Returns True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads some bytes; 0 at the end."""
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        data, self._piece = self._piece[: len(buffer)], self._piece[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _gzip_members(file: BinaryIO) -> Iterator[bytes]:
    """Yields the content of all gzip members. Zeros behind a member are padding; the program gzip also ignores them."""
    position, member, members = 0, None, 0
    while packed := file.read(_PACKED_BYTES_AT_ONCE):
        position += len(packed)
        while packed := packed if member or not members else packed.lstrip(b"\0"):
            if member is None:
                if not packed.startswith(_GZIP_MAGIC[: len(packed)]):
                    raise _other_data("gzip", GZIP, packed, position - len(packed) if members else 0)
                # 16 stands for the header and the check sum of gzip.
                member = zlib.decompressobj(16 + zlib.MAX_WBITS)
            try:
                piece = member.decompress(packed)
            except zlib.error as error:
                raise _damaged("gzip", error) from error
            if piece:
                yield piece
            packed = member.unused_data
            if member.eof:
                member, members = None, members + 1
    if member is not None:
        raise _damaged("gzip", "it ends in the middle")


def _zstandard_frames(file: BinaryIO) -> Iterator[bytes]:
    """Yields the content of all zstandard frames."""
    import zstandard

    decompressor = zstandard.ZstdDecompressor()
    position, frame, frames = 0, None, 0
    while packed := file.read(_PACKED_BYTES_AT_ONCE):
        position += len(packed)
        while packed:
            if frame is None:
                if not _begins_a_frame(packed):
                    raise _other_data("zstandard", ZSTANDARD, packed, position - len(packed) if frames else 0)
                frame = decompressor.decompressobj()
            try:
                piece = frame.decompress(packed)
            except zstandard.ZstdError as error:
                if "too much memory" in str(error):
                    raise UnreadableFileError(_LARGE_WINDOW) from error
                raise _damaged("zstandard", error) from error
            if piece:
                yield piece
            packed = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame, frames = None, frames + 1
    if frame is not None:
        raise _damaged("zstandard", "it ends in the middle")


def _begins_a_frame(packed: bytes) -> bool:
    skippable = packed[:1] and 0x50 <= packed[0] <= 0x5F
    return packed.startswith(_ZSTANDARD_MAGIC[: len(packed)]) or (
        bool(skippable) and packed[1:].startswith(_SKIPPABLE_MAGIC[: len(packed) - 1])
    )


def _damaged(format_name: str, why: object) -> UnreadableFileError:
    # The libraries put their function's name and a number before the reason.
    return UnreadableFileError(f"not a complete {format_name} file ({escape(str(why).rpartition(': ')[2])})")


def _other_data(format_name: str, ending: str, found: bytes, behind: int) -> UnreadableFileError:
    """Returns the error of data that is not compressed, at a file's beginning or behind its first `behind` bytes."""
    if behind:
        return UnreadableFileError(
            f"other data follows its {format_name} data; to keep what comes before: "
            f"head -c {behind} OLD{ending} > NEW{ending}"
        )
    if what := why_not_text(found):
        return not_text(what) if what != "binary data" else UnreadableFileError(f"not {format_name} data but {what}")
    return UnreadableFileError(f"not {format_name} data but plain text; take {ending} off its name")
