"""Served model: the newest one at the push destination that is not the candidate itself."""

from __future__ import annotations

import logging
from pathlib import Path

import tensorflow as tf

from ...exported.damage import damage, is_complete
from ...exported.versions import numbered_folders
from ...remote import is_remote
from ..model_copy import IDENTITY, model_digest

_log = logging.getLogger(__name__)

# Execution property of Baseline, and custom property of its artifact and of the Evaluator's blessing: the version's
# folder, "" if no model is served.
SERVED_MODEL_KEY = "served_model"
# The digest of that model, see `model_copy.model_digest`, so that another model under the same path is another key of
# the cache. Execution property of Baseline, and custom property of the same two artifacts.
SERVED_DIGEST_KEY = "served_digest"
# Custom property of the same two artifacts: the folder of versions in which Baseline looked, also if none is served.
SERVED_DESTINATION_KEY = "served_destination"


class DamagedVersionsError(RuntimeError):
    """No served model is whole, so that a candidate can be compared with none of them."""


class NotComparedError(RuntimeError):
    """Another model is served by now than the one that the candidate was compared with."""


def served_model(destination: str, candidate: str, replaced: str = "") -> str:
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

    A damaged version is passed over, with a warning in the log: servers cannot load it, and go on with the one before.

    Args:
        destination: The folder of all pushed versions; it need not exist.
        candidate: The folder of the candidate's SavedModel.
        replaced: The name of a damaged copy of the candidate, which is about to be pushed again; "" without one.

    Returns:
        The version's folder; "" if no model is served.

    Raises:
        DamagedVersionsError: Models are served, and all of them are damaged.
        UnreadableError: A served model cannot be read. Servers may read it, so it is not passed over.
    """
    damaged = []
    # One after the other: nothing may depend on whether older ones can be read.
    for version in filter(is_complete, numbered_folders(destination)):
        if _name(version) == replaced or _is_copy(version, candidate):
            continue
        problem = damage(version)
        if problem is None:
            return version
        damaged.append(f"{version}: {problem}")
        _log.warning("%s; it is not compared with", damaged[-1])
    if damaged:
        raise DamagedVersionsError(
            f"every served model is damaged, so that none can be compared with ({'; '.join(damaged)}); bring back a "
            f"copy of one, or remove these folders: the next model in {destination} is then pushed without a baseline"
        )
    return ""


def check_compared(destination: str, candidate: str, compared: str, replaced: str = "", digest: str = "") -> None:
    """Checks that the served model is still the one that a candidate was compared with.

    | compared with | served now | |
    |---|---|---|
    | 1 | 1 | may be pushed |
    | nothing | 1 | refused: another run has pushed |
    | 2 | 3, or 1 after a rollback | refused |
    | 1 | nothing | may be pushed: it replaces no model |
    | 1 | another model in the folder of 1 | refused |

    Args:
        destination: The folder of all pushed versions, the one in which the compared version was found; see
            `same_folder`.
        candidate: The folder of the candidate's SavedModel.
        compared: The version's folder that it was compared with; "" if none was served.
        replaced: See `served_model`.
        digest: The digest of the model that it was compared with; "" if it is not known.

    Raises:
        NotComparedError: The served model is another one.
    """
    served = served_model(destination, candidate, replaced)
    if not served:
        return
    # The folder of both is one, but may be written in two ways.
    if _name(served) != _name(compared):
        problem = f"{served} is served now, but the model was compared with {compared or 'none'}"
    elif digest and model_digest(served) != digest:
        problem = f"{served} holds another model than the one that was compared with"
    else:
        return
    raise NotComparedError(
        f"{problem}; nothing was pushed. Run the pipeline again: it compares with the served model, and takes all that "
        "did not change from the cache"
    )


def absolute(folder: str) -> str:
    """Returns a folder's path such that a process with another working folder finds it too."""
    return folder if is_remote(folder) else str(Path(folder).absolute())


def same_folder(first: str, second: str) -> bool:
    """Returns whether two paths lead to the same folder, which need not exist; symbolic links are followed."""
    return _resolved(first) == _resolved(second)


def _resolved(folder: str) -> str:
    local = folder.removeprefix("file://")
    return folder.rstrip("/") if is_remote(local) else str(Path(local).resolve())


def _name(version: str) -> str:
    return version.rstrip("/").rpartition("/")[2]


def _is_copy(version: str, candidate: str) -> bool:
    return all(_content(f"{version}/{name}") == _content(f"{candidate}/{name}") for name in IDENTITY)


def _content(path: str) -> bytes | None:
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()
