"""Places that no node could read from, such as web addresses; they are refused before any work."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import PurePath

from ...errors import escape
from ...remote import is_remote
from ...text_files.errors import InputError

_WEB = ("http://", "https://", "ftp://")
_S3 = ("s3://", "s3a://", "s3n://")


def check_place(key: str, pattern: str) -> None:
    """Checks a path or pattern for what no machine could read.

    Args:
        key: What the user calls the setting, a template.
        pattern: The path or pattern.

    Raises:
        InputError: It is empty, a web address, standard input or a `file://` address.
    """
    if not pattern:
        raise InputError(f"{key}: an empty path")
    if "\0" in pattern:
        raise InputError(f"{key}={escape(ascii(pattern))}: no path has a NUL")
    if pattern == "-":
        raise InputError(f"{key}: standard input is not read; save it to a file first, such as corpus.txt")
    if pattern.lower().startswith(_WEB):
        raise InputError(
            f"{key}: {escape(pattern)} is a web address; download it first, with curl -LO {escape(pattern)}"
        )
    if pattern.lower().startswith("file://"):
        raise InputError(f"{key}: {escape(pattern)}: give the path alone, without file://")


def check_place_here(key: str, pattern: str) -> None:
    """Checks a path or pattern for what this machine could not read; see `check_place`."""
    check_place(key, pattern)
    if pattern.lower().startswith(_S3) and find_spec("tensorflow_io") is None:
        raise InputError(
            f"{key}: {escape(pattern)} is on S3, which TensorFlow reads only with the package tensorflow-io; copy it "
            "to this machine first, with aws s3 cp"
        )


def check_folder(key: str, folder: str) -> None:
    """Checks the folder of all patterns, which a run may name; see `check_place_here`.

    Raises:
        InputError: Also if a local folder is not given by its whole path: each task may have another working folder.
    """
    check_place_here(key, folder)
    if not is_remote(folder) and not PurePath(folder).is_absolute():
        raise InputError(f"{key}={escape(folder)}: must be a whole path, such as /srv/corpus; ~ is not replaced")
