"""SHA-256 sums of the files of a folder, which tell a damaged file from a whole one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
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


def file_sums(folder: str, names: Iterable[str] | None = None) -> dict[str, str]:
    """Returns the sum of each file of a folder, by its path in it.

    Args:
        folder: See `file_names`.
        names: Only these files; None: all. A missing one has no sum.

    Returns:
        Worked example: `{"variables/variables.index": "9f86d081…"}`, 64 hexadecimal digits.
    """
    present = file_names(folder)
    wanted = present if names is None else sorted(set(names).intersection(present))
    return {name: _sum(folder if name == "." else f"{folder}/{name}") for name in wanted}


def damaged_file(folder: str, sums: Mapping[str, str]) -> str | None:
    """Returns what is wrong with the first file that is not as it was; None if all are. More files are allowed.

    Args:
        folder: See `file_names`.
        sums: What `file_sums` returned when the files were whole.
    """
    now = file_sums(folder, sums)
    for name, expected in sums.items():
        shown = "the file" if name == "." else name
        if name not in now:
            return f"{shown} is missing"
        if now[name] != expected:
            return f"{shown} has changed since it was written"
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
