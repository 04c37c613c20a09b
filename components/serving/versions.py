"""The numbered versions of a model below the folder that they are pushed to."""

from __future__ import annotations

import tensorflow as tf


def is_complete(path: str) -> bool:
    """Whether a server could load the SavedModel in a folder; a copy still under way lacks one of the two files."""
    files = (f"{path}/saved_model.pb", f"{path}/variables/variables.index")
    return all(tf.io.gfile.exists(file) for file in files)


def complete_versions(path: str) -> list[str]:
    """Lists the versions that a server could load.

    Args:
        path: The folder of all versions; local or anything else that TensorFlow reads. It need not exist.

    Returns:
        Their folders, the newest (the highest number) first. Of `9/`, `10/` and `11.tmp/`, all with a SavedModel,
        these are `PATH/10` and `PATH/9`.
    """
    if not tf.io.gfile.isdir(path):
        return []
    # Object stores list folders with a slash at their end.
    names = [entry.rstrip("/") for entry in tf.io.gfile.listdir(path)]
    versions = sorted((name for name in names if name.isascii() and name.isdigit()), key=int, reverse=True)
    return [folder for folder in (f"{path}/{version}" for version in versions) if is_complete(folder)]
