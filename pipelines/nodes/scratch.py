"""Temporary folder of a supervised process: gone with it, however it ends.

    $TMPDIR/tfx-lm-node-1b9e4f07-k3x9_a/     TMPDIR of a node and of all that it starts; 1b9e4f07 stands for the host

TensorFlow, Beam and Python's `tempfile` remove their temporary files at the end of a process that ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...file_lock import host_mark, is_named, lock

_PREFIX = "tfx-lm-node-"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path | None]:
    """Makes a temporary folder, removes it after the block, and removes those of processes that were killed.

    Yields:
        The folder; None if there can be none, because the disk is full.
    """
    with contextlib.suppress(OSError):
        _remove_abandoned(Path(tempfile.gettempdir()))
    folder, held = None, None
    with contextlib.suppress(OSError):
        folder, held = _make_locked()
    try:
        yield folder
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        if held is not None:
            os.close(held)


def use(folder: Path) -> None:
    """Makes a folder the one for all temporary files of this process and of those that it starts."""
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None


def outer_temporary_folder() -> Path:
    """Returns the folder for temporary files that the user has set, also in a process that has one of its own."""
    # Not `tempfile.gettempdir`: it takes another folder if this one is full.
    folder = Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108, the system's default
    return folder.parent if folder.name.startswith(_PREFIX) else folder


def _make_locked() -> tuple[Path, int | None]:
    """Makes a folder and locks it; without a lock if the file system has none, since nobody removes it there."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_prefix()))
        try:
            held = lock(folder, wait=False, create=False)
        except (FileNotFoundError, BlockingIOError):  # Another process took it for an abandoned one before its lock.
            continue
        except OSError:
            return folder, None
        if is_named(held, folder):
            return folder, held
        os.close(held)


def _remove_abandoned(parent: Path) -> None:
    """Removes folders whose processes are gone; a process of this host that lives holds a lock on its folder."""
    for folder in parent.glob(f"{_prefix()}*"):
        with contextlib.suppress(OSError):  # In use, or somebody else's.
            descriptor = lock(folder, wait=False, create=False)
            try:
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _prefix() -> str:
    return f"{_PREFIX}{host_mark()}-"
