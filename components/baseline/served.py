"""Served model: the newest one at the push destination that is not the candidate itself."""

from __future__ import annotations

import tensorflow as tf

from ...exported.versions import complete_versions

# Execution property, and custom property of the artifact: the version's folder, "" if no model is served.
SERVED_MODEL_KEY = "served_model"

# Together they identify a model: the graph, and the checksum of every variable.
_IDENTITY = ("saved_model.pb", "variables/variables.index")


def served_model(destination: str, candidate: str) -> str:
    """Finds the model to compare a candidate with.

    After a run that pushed, the newest version *is* that run's model. If the run is repeated and nothing changed,
    it would be compared with itself, and not taken from the cache. Without the copies of the candidate, an unchanged
    run finds the same model as before.

    | at the destination | candidate | found |
    |---|---|---|
    | nothing | A | nothing |
    | 1: A | A | nothing |
    | 1: A | B | 1 |
    | 1: A, 2: B | B | 1 |
    | 1: A, 2: B | A | 2 |

    Args:
        destination: The folder of all pushed versions; it need not exist.
        candidate: The folder of the candidate's SavedModel.

    Returns:
        The version's folder; "" if no model is served.
    """
    return next((version for version in complete_versions(destination) if not _is_copy(version, candidate)), "")


def _is_copy(version: str, candidate: str) -> bool:
    return all(_content(f"{version}/{name}") == _content(f"{candidate}/{name}") for name in _IDENTITY)


def _content(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()
