"""File types, by the ending of the file name."""

from __future__ import annotations

from enum import Enum

from ..errors import escape
from .errors import InputError


class FileType(Enum):
    """Type of a file, by which its records are split."""

    TEXT = "text"
    JSON_LINES = "json lines"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def record_name(self) -> str:
        """The word for one record in messages: line or row."""
        return "row" if self in (FileType.CSV, FileType.PARQUET) else "line"

    @property
    def has_fields(self) -> bool:
        """True if a record has named fields, one of which holds the text."""
        return self is not FileType.TEXT


GZIP, ZSTANDARD = ".gz", ".zst"
_PLAIN = {
    ".txt": FileType.TEXT,
    ".jsonl": FileType.JSON_LINES,
    # C4 and Dolma use this ending for JSON lines.
    ".json": FileType.JSON_LINES,
    ".csv": FileType.CSV,
}
ENDINGS = {
    **{plain + packed: kind for plain, kind in _PLAIN.items() for packed in ("", GZIP, ZSTANDARD)},
    ".parquet": FileType.PARQUET,
}
KNOWN = f"{', '.join(_PLAIN)} (each also with {GZIP} or {ZSTANDARD}) and .parquet"

_REMEDIES = {
    (".bz2", ".xz", ".lzma", ".lz4", ".br", ".z"): "decompress it, or compress it with gzip or zstd",
    (".zip", ".7z", ".rar", ".tar", ".tgz", ".tar.gz", ".tar.zst"): "unpack the archive and give its files",
    (".ndjson",): "rename it to .jsonl",
    (".tsv", ".xls", ".xlsx", ".ods"): "save it as .csv with a header",
    (".arrow", ".feather", ".orc", ".avro", ".tfrecord"): "convert it to .parquet or .jsonl",
    (".html", ".htm", ".xml", ".pdf", ".doc", ".docx", ".odt", ".epub"): "extract its text into a .txt file",
}


def file_type(path: str) -> FileType:
    """Returns the type of a file by its ending, in upper or lower case.

    Args:
        path: A file's path or name, local or remote.

    Returns:
        The type; compression does not change it.

    Raises:
        InputError: The ending is not known; the message names the remedy.
    """
    name = path.lower()
    for ending, kind in ENDINGS.items():
        if name.endswith(ending):
            return kind
    raise InputError(f"{escape(path)}: unknown file type; {_remedy(path)} (read are {KNOWN})")


def _remedy(path: str) -> str:
    for endings, remedy in _REMEDIES.items():
        if path.lower().endswith(endings):
            return remedy
    packed = compression(path)
    name = path[: len(path) - len(packed)].rsplit("/", 1)[-1]
    return f"if it is plain text, rename it to {escape(name)}.txt{packed}"


def compression(path: str) -> str:
    """Returns the compression of a file by its ending: `GZIP`, `ZSTANDARD` or an empty string."""
    return next((packed for packed in (GZIP, ZSTANDARD) if path.lower().endswith(packed)), "")
