"""Lines of an open file, read in bounded memory even if the file has no line break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

# A line is one example. 16 MiB is far beyond any sentence or paragraph, and small enough for every later step.
MAX_LINE_BYTES = 16 * 2**20

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def raw_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    r"""Reads the lines of a file from where it stands.

    Only `\n` ends a line, so `a\rb` is one line; the last line needs no terminator.

    Args:
        file: A file open for reading bytes.

    Yields:
        The bytes that the line takes in the file, and the line with its terminator, or None if it is longer
        than `MAX_LINE_BYTES` without it (it is then skipped in pieces and never held in memory).
    """
    while piece := file.readline(MAX_LINE_BYTES + 1):
        size = len(piece)
        if size <= MAX_LINE_BYTES or piece.endswith(b"\n"):
            yield size, piece
            continue
        while not piece.endswith(b"\n") and (piece := file.readline(2**16)):
            size += len(piece)
        yield size, None


def content(raw_line: bytes, first_of_file: bool) -> bytes:
    r"""Removes the terminator of a line, and the byte order mark of a file.

    `b"\xef\xbb\xbfthe cat\r\n"` as a file's first line is `b"the cat"`. Nothing else is stripped.

    Args:
        raw_line: A line with its terminator (`\n` or `\r\n`), if it has one.
        first_of_file: True if the line is the first of its file. A mark in any other line is text.

    Returns:
        The bytes of the line.
    """
    line = raw_line.removesuffix(b"\n").removesuffix(b"\r")
    return line.removeprefix(BYTE_ORDER_MARK) if first_of_file else line
