"""Copy of a model into a folder that may exist."""

from __future__ import annotations

import os

from tfx.dsl.io import fileio
from tfx.utils import io_utils

# Servers wait for this file.
GRAPH = "saved_model.pb"


def copy_into(model: str, folder: str) -> None:
    """Copies a model, `saved_model.pb` last; TFX's `copy_dir` would replace the folder, and its lock with it."""
    # False sorts before True.
    for name in sorted(names_in(model), key=lambda name: name == GRAPH):
        copy = io_utils.copy_dir if fileio.isdir(f"{model}/{name}") else io_utils.copy_file
        copy(f"{model}/{name}", f"{folder}/{name}")


def names_in(folder: str) -> list[str]:
    """Lists a folder; object stores list the folders in it with a slash at their end."""
    return [os.fsdecode(name).rstrip("/") for name in fileio.listdir(folder)]
