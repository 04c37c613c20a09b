"""Folder of pushed versions that a model server watches: each version is there as a whole or not at all.

serving/1764000000           a version; servers load the highest number
serving/withdrawn-1764009999 a version that was rolled back; servers ignore it, since its name is no number
serving/.pushing-1b9e4f07-x7 a push under way on the host of that mark; left behind only if it was killed, and removed
                             by the user's next push on that host, or a day later on any
serving/.lock                locked while names change
"""

from __future__ import annotations

import contextlib
import filecmp
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ..atomic_file import flush
from ..file_lock import host_mark, lock
from .damage import is_complete, visible_damage

_log = logging.getLogger(__name__)

WITHDRAWN = "withdrawn-"
_PUSHING = ".pushing-"
_REMOVING = ".removing-"
# Seconds without a new file after which a push of another host, whose lock may not be seen here, is taken for killed.
_ABANDONED = 24 * 3600.0


class VersionNumberError(ValueError):
    """No number is left for a new version; the message has the remedy."""


def push(
    destination: Path,
    copy: Callable[[Path], None],
    keep: int | None = None,
    check: Callable[[], None] | None = None,
) -> Path:
    """Adds a version.

    The files are written under a name that no server loads, on the same file system, and flushed to disk; then the
    folder gets its number in one rename. Of several pushes at the same time, each gets its own number, and the last
    to rename the highest.

    Args:
        destination: The folder of versions; it is created if missing.
        copy: Writes the model's files into the empty folder that it is given.
        keep: Number of newest undamaged versions to keep, including this one; None: all. Withdrawn ones are
            removed too. A version that cannot be removed stays, with a warning in the log.
        check: Called right before the version appears, while no other process can push, withdraw or remove one. If it
            raises an error, nothing is pushed.

    Returns:
        The version's folder. Its number is the time in seconds, or one more than the highest ever used here.

    Raises:
        ValueError: If `keep` is below 1.
        VersionNumberError: If a version has the highest number of all.
    """
    if keep is not None and keep < 1:
        raise ValueError(f"keep={keep}: must be >= 1")
    destination.mkdir(parents=True, exist_ok=True)
    with locked(destination):
        _remove_leftovers(destination)
        temporary = Path(tempfile.mkdtemp(prefix=f"{_PUSHING}{host_mark()}-", dir=destination))
        # Held until the folder has its number, so that others can tell it from leftovers of a killed push.
        holder = lock(temporary, create=False)
    try:
        copy(temporary)
        # A server that runs as another user cannot read a folder of mkdtemp.
        temporary.chmod(0o777 & ~_umask())
        _flush_tree(temporary)
        # Before the lock, since it reads these versions.
        undamaged = {} if keep is None else {path.name: _is_undamaged(path) for path in version_folders(destination)}
        with locked(destination):
            if check is not None:
                check()
            version = destination / next_version(str(destination), [path.name for path in destination.iterdir()])
            temporary.rename(version)
            flush(destination)
            if keep is not None:
                _prune(destination, keep, {**undamaged, version.name: True})
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        os.close(holder)
    return version


def unrecorded_push(destination: Path, model: Path, recorded: Iterable[Path]) -> Path | None:
    """Finds the version of a push that was killed after its rename and before its record; removes other leftovers.

    Args:
        destination: The folder of versions; it need not exist.
        model: The folder of the model that is about to be pushed.
        recorded: The copies that the records of earlier pushes have.

    Returns:
        The newest complete version, if it has the files of the model, byte for byte, and no record has; None otherwise.
    """
    if not destination.is_dir():
        return None
    with locked(destination):
        _remove_leftovers(destination)
        newest = next(filter(is_complete, numbered_folders(str(destination))), None)
        if newest is None or not _same_files(Path(newest), model):
            return None
        return None if any(_same_files(Path(newest), copy) for copy in recorded) else Path(newest)


def numbered_folders(path: str) -> list[str]:
    """Lists the folders of all versions, complete or not, without a look into them.

    Args:
        path: The folder of all versions, any path that TensorFlow reads. It need not exist.

    Returns:
        The folders, the newest (the highest number) first: for `9/`, `10/` and `11.tmp/`, `PATH/10` and `PATH/9`.
    """
    import tensorflow as tf

    if not tf.io.gfile.isdir(path):
        return []
    # Object stores list folders with a slash at their end.
    names = [entry.rstrip("/") for entry in tf.io.gfile.listdir(path)]
    # To an object store, `a//5` is another folder than `a/5`.
    folder = path.rstrip("/")
    return [f"{folder}/{version}" for version in sorted(filter(is_version, names), key=int, reverse=True)]


def version_stamp(path: str) -> frozenset[tuple[str, int, int]]:
    """Returns the name, size and time of each file of a version, which change while somebody copies it in place.

    Args:
        path: The version's folder, any path that TensorFlow reads.

    Returns:
        For each file its path within the version, its bytes and the time of its last change (ns); -1 and -1 for a file
        that is gone, or a link that leads nowhere.
    """
    import tensorflow as tf

    stamps = set()
    # Not below these: links could lead around in a circle.
    for folder in ("", "variables/", "assets/", "assets.extra/"):
        with contextlib.suppress(tf.errors.NotFoundError, tf.errors.FailedPreconditionError):
            for entry in tf.io.gfile.listdir(f"{path}/{folder}"):
                name, size, time_ns = folder + entry.rstrip("/"), -1, -1
                with contextlib.suppress(tf.errors.NotFoundError, tf.errors.FailedPreconditionError):
                    status = tf.io.gfile.stat(f"{path}/{name}")
                    size, time_ns = (0, 0) if status.is_directory else (status.length, status.mtime_nsec)
                stamps.add((name, size, time_ns))
    return frozenset(stamps)


def list_versions(destination: Path) -> list[int]:
    """Lists the numbers of the versions that servers see, the oldest first."""
    return sorted({int(folder.name) for folder in version_folders(destination)})


def version_folders(destination: Path) -> list[Path]:
    """Lists the folders of the versions, the oldest first."""
    folders = (path for path in destination.iterdir() if is_version(path.name) and path.is_dir())
    return sorted(folders, key=lambda folder: (int(folder.name), folder.name))


def next_version(destination: str, names: Iterable[str]) -> str:
    """Returns the name of a new version: the time in seconds, or one more than the highest number.

    Args:
        destination: The folder of versions, for the error.
        names: The names in it; those of withdrawn versions count too.

    Raises:
        VersionNumberError: If a version has the highest number of all.
    """
    numbers = [name.removeprefix(WITHDRAWN) for name in names]
    highest = max((int(number) for number in numbers if is_version(number)), default=0)
    version = str(max(int(time.time()), highest + 1))
    if not is_version(version):
        raise VersionNumberError(
            f"{destination}: has the highest number that a server reads, {highest}, so that none is left for a new "
            "version; rename the folder of that number to a lower one"
        )
    return version


def is_version(name: str) -> bool:
    """Returns whether servers take a folder of this name for a version: digits (`7`, `007`) below 2^63."""
    return name.isascii() and name.isdigit() and int(name) < 2**63


def _prune(destination: Path, keep: int, undamaged: Mapping[str, bool]) -> None:
    newest_first = iter(reversed(version_folders(destination)))
    found = 0
    for folder in newest_first:
        found += undamaged[folder.name] if folder.name in undamaged else _is_undamaged(folder)
        if found == keep:
            break
    names = [folder.name for folder in newest_first]
    names += [path.name for path in destination.glob(f"{WITHDRAWN}*")]
    for name in names:
        try:
            # Renamed first: a server must not find half a version.
            doomed = (destination / name).rename(destination / f"{_REMOVING}{name}")
        except OSError as error:  # Such as a folder of another user; the new model is served already.
            _log.warning("%s: cannot be removed (%s); the next push tries again", destination / name, error)
        else:
            shutil.rmtree(doomed, ignore_errors=True)


def _is_undamaged(folder: Path) -> bool:
    try:
        return visible_damage(str(folder)) is None
    except OSError:  # Then one more is kept.
        return False


def _remove_leftovers(destination: Path) -> None:
    """Removes the leftovers of killed pushes; a push under way holds a lock on its folder."""
    for path in destination.glob(f"{_PUSHING}*"):
        # At work, or it has just got its number, or it is another user's, which that user's next push removes.
        with contextlib.suppress(OSError):
            of_this_host = path.name.startswith(f"{_PUSHING}{host_mark()}-")
            if not of_this_host and time.time() - path.stat().st_mtime < _ABANDONED:
                continue
            descriptor = lock(path, wait=False, create=False)
            try:
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
    for path in destination.glob(f"{_REMOVING}*"):
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def locked(destination: Path) -> Iterator[None]:
    """Keeps other processes from changing names in the folder; the lock ends with the process, however it ends."""
    descriptor = lock(destination / ".lock")
    try:
        yield
    finally:
        os.close(descriptor)


def _umask() -> int:
    # Other threads may write files meanwhile: for their user alone, not for everybody.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _same_files(first: Path, second: Path) -> bool:
    names = [
        sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()) for folder in (first, second)
    ]
    return names[0] == names[1] and not any(filecmp.cmpfiles(first, second, map(str, names[0]), shallow=False)[1:])


def _flush_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        flush(path)
    flush(folder)
