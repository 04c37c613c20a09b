"""Paths that TensorFlow, TFX and Beam would take for patterns."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..remote import is_remote


def pattern_letters(folder: str) -> str:
    """Returns the letters of patterns that a path contains."""
    return "".join(letter for letter in "*?[]\\" if letter in folder)


@contextmanager
def plain_path(folder: str) -> Iterator[str]:
    """Gives a folder a name without letters of patterns inside the `with` block.

    TensorFlow reads a SavedModel's variables by a pattern, so that it finds none below a folder `run[1]`.

    Args:
        folder: Any path that TensorFlow reads.

    Yields:
        The folder itself, or a symbolic link to it if it is local and has such letters.
    """
    if is_remote(folder) or not pattern_letters(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="tfx-lm-") as temporary:
        link = Path(temporary) / "model"
        link.symlink_to(Path(folder).absolute(), target_is_directory=True)
        yield str(link)
