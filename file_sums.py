"""SHA-256 sums of the files of a folder, which tell a damaged file from a whole one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .remote import is_remote

_BLOCK = 1 << 20


def file_names(folder: str) -> list[str]:
    """Lists the files of a folder and of its subfolders, by their paths in it, sorted.

    Args:
        folder: Local, or a URI of any file system that TensorFlow reads. Of a local file, the only name is `.`.
    """
    if not is_remote(folder):
        if Path(folder).is_file():
            return ["."]
        paths = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
        return sorted(path.relative_to(folder).as_posix() for path in paths)
    import tensorflow as tf  # Late: a process that only reads local files does not need it.

    start = len(folder.rstrip("/")) + 1
    return sorted(
        f"{parent.rstrip('/')}/{name}"[start:] for parent, _, names in tf.io.gfile.walk(folder) for name in names
    )


def file_sums(folder: str) -> dict[str, str]:
    """Returns the sum of each file of a folder, by its path in it.

    Args:
        folder: See `file_names`.

    Returns:
        Worked example: `{"variables/variables.index": "9f86d081…"}`, 64 hexadecimal digits.
    """
    return {name: _sum(_path(folder, name)) for name in file_names(folder)}


def damaged_file(folder: str, sums: Mapping[str, str]) -> str | None:
    """Returns what is wrong with the first file that is not as it was; None if all are. More files are allowed.

    Args:
        folder: See `file_names`.
        sums: What `file_sums` returned when the files were whole.
    """
    for name, expected in sums.items():
        shown = "the file" if name == "." else name
        # Opened by its name, which `file_names` does not list if it lies in a linked subfolder.
        now = _sum_if_present(_path(folder, name))
        if now is None:
            return f"{shown} is missing"
        if now != expected:
            return f"{shown} has changed since it was written"
    return None


def _path(folder: str, name: str) -> str:
    return folder if name == "." else f"{folder}/{name}"


def _sum_if_present(path: str) -> str | None:
    """Returns the sum of a file; None if there is none of this name."""
    missing: tuple[type[Exception], ...] = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
    if is_remote(path):
        import tensorflow as tf

        missing = (tf.errors.NotFoundError,)
    try:
        return _sum(path)
    except missing:
        return None


def _sum(path: str) -> str:
    digest = hashlib.sha256()
    with _open(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _open(path: str) -> Any:
    if not is_remote(path):
        return Path(path).open("rb")
    import tensorflow as tf

    return tf.io.gfile.GFile(path, "rb")
