"""Telling that what is called a text file is none, from its first bytes."""

from __future__ import annotations

import codecs

# How much of a file is looked at.
HEAD_BYTES = 64 * 2**10

# First bytes that no text begins with.
_MAGIC = {
    b"\x1f\x8b": "gzip data",
    b"PK\x03\x04": "a zip archive",
    b"BZh91AY&SY": "bzip2 data",
    b"\xfd7zXZ\x00": "xz data",
    b"\x28\xb5\x2f\xfd": "zstandard data",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x89PNG\r\n\x1a\n": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program (ELF)",
    b"PAR1\x15": "a Parquet file",
    b"SQLite format 3\x00": "an SQLite database",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document",
}
_TAR_MAGIC_OFFSET = 257


def why_not_text(head: bytes) -> str | None:
    """Says what a file is, if it is not text.

    Args:
        head: The first bytes of the (decompressed) file, at most `HEAD_BYTES`.

    Returns:
        What the file holds, such as `a PNG image`, or None where it may be text. A NUL alone is text, and so is
        an invalid byte alone (whether that is an error is the configuration's business); both together are not.
    """
    if what := other_format(head):
        return what
    if b"\x00" in head and not _is_utf8_so_far(head):
        return "binary data"
    return None


def other_format(head: bytes) -> str | None:
    """Says what a file is, if it begins as no text does.

    Args:
        head: As for `why_not_text`.

    Returns:
        What the file holds, such as `a PNG image`, or None.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[_TAR_MAGIC_OFFSET:].startswith(b"ustar"):
        return "a tar archive"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16 text (convert it: iconv -f UTF-16 -t UTF-8)"
    return None


def _is_utf8_so_far(head: bytes) -> bool:
    try:
        # Not final: the head may end in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return False
    return True
