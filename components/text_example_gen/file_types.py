"""The file types that are read, known by the ending of the name alone."""

from __future__ import annotations

from enum import Enum

from ...errors import escape
from .errors import InputError


class FileType(Enum):
    """How the records of a file are told apart."""

    TEXT = "text"
    JSON_LINES = "json lines"
    PARQUET = "parquet"

    @property
    def record_name(self) -> str:
        """What one record of such a file is called in messages."""
        return "row" if self is FileType.PARQUET else "line"


# Beam decides by the same endings whether a file is compressed, and so whether it can be split.
ENDINGS = {
    ".txt": FileType.TEXT,
    ".txt.gz": FileType.TEXT,
    ".jsonl": FileType.JSON_LINES,
    ".jsonl.gz": FileType.JSON_LINES,
    ".parquet": FileType.PARQUET,
}


def file_type(path: str) -> FileType:
    """The type of a file, from its ending; upper and lower case are the same.

    Args:
        path: A file's path or name, local or remote.

    Returns:
        The type; compression does not change it.

    Raises:
        InputError: The ending is not a known one.
    """
    for ending, kind in ENDINGS.items():
        if path.lower().endswith(ending):
            return kind
    raise InputError(
        f"{escape(path)}: unknown file type; the known endings are {', '.join(ENDINGS)}; "
        "rename the file (plain text: .txt) or give a narrower pattern"
    )


def is_gzip(path: str) -> bool:
    """Whether a file is compressed, from its ending."""
    return path.lower().endswith(".gz")
