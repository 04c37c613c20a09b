"""The vocabulary among the files of a model, found without reading the model."""

from __future__ import annotations

from pathlib import Path

from ..remote import is_remote
from .versions import is_version, version_folders

_FILE = "assets/vocabulary"


def vocabulary_beside(model: str) -> str:
    """Names the vocabulary of a model, for people.

    | model | |
    |---|---|
    | `serving`, which has `7/` and `8/` | `serving/8/assets/vocabulary` |
    | `serving/7`, or `gs://b/serving/7` | `serving/7/assets/vocabulary` |
    | `gs://b/serving` | `the file assets/vocabulary of the newest version in gs://b/serving` |

    Args:
        model: The folder of a version or of all; remote ones are not looked at.
    """
    if not is_remote(model):
        try:
            folders = [Path(model), *reversed(version_folders(Path(model)))]
        except OSError:  # There is no such folder, or nobody may read it, which a later check says.
            folders = []
        if found := next((folder for folder in folders if (folder / _FILE).is_file()), None):
            return str(found / _FILE)
    folder = model.rstrip("/")
    if is_version(folder.rpartition("/")[2]):
        return f"{folder}/{_FILE}"
    return f"the file {_FILE} of the newest version in {folder}"
