"""Push to an object store, which has neither renames of folders nor locks: `saved_model.pb` is copied last."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator

from tfx.dsl.io import fileio

from ...exported.damage import changed_file, is_complete
from ...exported.versions import is_version, next_version, numbered_folders
from ..model_copy import model_digest
from .copying import GRAPH, copy_into, names_in

_log = logging.getLogger(__name__)


def push(destination: str, model: str, keep: int | None, check: Callable[[], None]) -> str:
    """Adds a version, unless the newest complete one is the model.

    Without the exception, an unchanged run that takes nothing from a cache would push the same model each time, until
    the versions that one could go back to are pruned. What is pushed between the check and the end of the copy is not
    noticed.

    Args:
        destination: The folder of versions; it need not exist.
        model: The folder of the SavedModel.
        keep: Number of newest undamaged versions to keep, including this one; None: all. A version that cannot be
            removed stays, with a warning in the log.
        check: Called right before the copy. If it raises an error, nothing is pushed.

    Returns:
        The version's folder. Its number is the time in seconds, or one more than the highest in the folder.

    Raises:
        VersionNumberError: If a version has the highest number of all.
    """
    destination = destination.rstrip("/")
    check()
    newest = next(filter(is_complete, numbered_folders(destination)), None)
    if newest is not None and model_digest(newest) == model_digest(model) and changed_file(newest) is None:
        version = newest
    else:
        names = names_in(destination) if fileio.isdir(destination) else []
        version = f"{destination}/{next_version(destination, names)}"
        copy_into(model, version)
    # Also if nothing was copied: the last push may have had another `keep`, or could not remove a version.
    if keep is not None:
        _remove_oldest(destination, keep)
    return version


def _remove_oldest(destination: str, keep: int) -> None:
    """Removes all versions older than the newest `keep` undamaged ones; one that cannot be removed stays."""
    with _failure_is_a_warning(destination):
        complete = filter(is_complete, numbered_folders(destination))
        undamaged = (version for version in complete if changed_file(version) is None)
        kept = list(itertools.islice(undamaged, keep))
        if len(kept) < keep:
            return
        oldest_kept = int(kept[-1].rsplit("/", 1)[1])
        for name in names_in(destination):
            if is_version(name) and int(name) < oldest_kept:
                with _failure_is_a_warning(f"{destination}/{name}"):
                    _remove(f"{destination}/{name}")


def _remove(version: str) -> None:
    # Without this file a server ignores the version; it is missing after a killed push or removal.
    with contextlib.suppress(fileio.NotFoundError):
        fileio.remove(f"{version}/{GRAPH}")
    fileio.rmtree(version)


@contextlib.contextmanager
def _failure_is_a_warning(folder: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # The new model is served already; each file system raises other errors.
        _log.warning("%s: cannot be pruned (%s); the next push tries again", folder, error)
