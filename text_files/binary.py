"""Detection of files that are not text, from their first bytes."""

from __future__ import annotations

import codecs

# Number of bytes at the beginning of a file that are checked.
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
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def why_not_text(head: bytes) -> str | None:
    """Returns the kind of a file that is not text.

    Args:
        head: The first bytes of the (decompressed) file, at most `HEAD_BYTES`.

    Returns:
        The kind, such as `a PNG image`; None if the file may be text. A file with NULs or with invalid UTF-8 is text
        (`RecordOptions.invalid_utf8` decides about the latter); a file with both is not.
    """
    if what := other_format(head):
        return what
    if b"\x00" in head and not _is_utf8_so_far(head):
        return "binary data"
    return None


def other_format(head: bytes) -> str | None:
    """Returns the kind of a file whose first bytes no text file has.

    Args:
        head: See `why_not_text`.

    Returns:
        The kind, such as `a PNG image`, or None.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[_TAR_MAGIC_OFFSET:].startswith(b"ustar"):
        return "a tar archive"
    if encoding := _wide_encoding(head):
        return f"{encoding[:6]} text (convert it: iconv -f {encoding} -t UTF-8)"
    if head.startswith(_LFS_POINTER):
        return "a pointer of Git LFS (fetch the file: git lfs pull)"
    # More than one: the output of a progress bar has carriage returns within a line.
    if head.count(b"\r") > 1 and b"\n" not in head:
        return "text whose lines end with a carriage return alone (convert it: tr '\\r' '\\n')"
    return None


def _wide_encoding(head: bytes) -> str | None:
    """Returns iconv's name of UTF-16 or UTF-32, with or without a byte order mark; None for other text."""
    # The mark of UTF-32 begins with that of UTF-16.
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    # ASCII letters in UTF-16 have a NUL on one side. No text in UTF-8 has so many.
    pairs = len(head) // 2
    for encoding, nuls, others in (("UTF-16LE", head[1::2], head[0::2]), ("UTF-16BE", head[0::2], head[1::2])):
        # Line breaks are not counted, so that lines of a single NUL each are not UTF-16.
        letters = len(others.translate(None, b"\0\t\n\r "))
        if pairs > 1 and nuls.count(0) > 0.6 * pairs and others.count(0) < 0.1 * pairs and letters > 0.3 * pairs:
            return encoding
    return None


def _is_utf8_so_far(head: bytes) -> bool:
    try:
        # Not final: the first bytes may end in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(head, final=False)
    except UnicodeDecodeError:
        return False
    return True
