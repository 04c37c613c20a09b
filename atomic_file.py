"""Atomic writer of files: a reader finds the whole old content or the whole new one, whenever the writer is killed."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .file_lock import NoLocksError, host_mark, lock
from .remote import is_remote

_UNFINISHED = ".unfinished"
# A file of another name is a user's own: it may end in that word, too.
_LEFT_BEHIND = re.compile(r"\..+\.(?P<host>[^.]{8})-[0-9a-f]{8}\.unfinished")
# Seconds without a write after which a writer of another host, whose lock may not be seen here, is taken for killed.
_ABANDONED = 24 * 3600.0


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes a file under another name in the same folder, flushes it to disk and renames it.

    Of several writers of the same file at the same time, the last to rename wins. The file's permissions follow the
    umask. What killed writers left in a local folder is removed.

    Args:
        path: The file; its folder is created if missing. Local, or a URI of any file system that TensorFlow
            writes to.
        content: The new content.

    Raises:
        OSError: If the file cannot be written; the old content is unchanged.
        tensorflow.errors.OpError: The same for a URI.
    """
    if is_remote(str(path)):
        _write_remote(str(path), content)
    else:
        _write_local(Path(path), content)


def write_text(path: str | Path, text: str) -> None:
    """Does what `write_bytes` does, for a text in UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def remove(path: str) -> None:
    """Removes a file, if it exists, and leftovers of its killed writers.

    Args:
        path: With its folder; local, or a URI of any file system that TensorFlow writes to.
    """
    import tensorflow as tf  # Late: a process that only writes local files does not need it.

    folder, name = os.path.split(path)
    if not tf.io.gfile.isdir(folder):
        return
    for entry in tf.io.gfile.listdir(folder):
        if entry == name or (entry.startswith(f".{name}.") and _LEFT_BEHIND.fullmatch(entry)):
            tf.io.gfile.remove(f"{folder}/{entry}")


def flush(path: Path) -> None:
    """Waits until the content of a local file, or the names in a local folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with _named_failure(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_local(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    unfinished, file = _open_unfinished(path)
    with file:
        try:
            with _named_failure(path):
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    flush(path.parent)


@contextlib.contextmanager
def _named_failure(path: Path) -> Iterator[None]:
    """Names a file in errors of the system, which do not name what is written through a descriptor."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def _open_unfinished(path: Path) -> tuple[Path, BinaryIO]:
    """Opens a new file, locked as long as it is open, so that others can tell it from what killed writers left."""
    while True:
        # Opened by name: only the owner may read a file of `tempfile`.
        unfinished = path.with_name(_unfinished(path.name))
        try:
            file = os.fdopen(lock(unfinished), "wb")
        except NoLocksError:
            return unfinished, unfinished.open("wb")
        if os.fstat(file.fileno()).st_nlink:  # Otherwise it was removed before it was locked.
            return unfinished, file
        file.close()


def _remove_abandoned(folder: Path) -> None:
    for path in folder.glob(f".*{_UNFINISHED}"):
        name = _LEFT_BEHIND.fullmatch(path.name)
        if name is None:
            continue
        with contextlib.suppress(OSError):  # Somebody writes it.
            if name["host"] != host_mark() and time.time() - path.stat().st_mtime < _ABANDONED:
                continue
            descriptor = lock(path, wait=False, create=False)
            try:
                path.unlink()
            finally:
                os.close(descriptor)


def _write_remote(path: str, content: bytes) -> None:
    import tensorflow as tf

    folder, _, name = path.rpartition("/")
    tf.io.gfile.makedirs(folder)
    unfinished = f"{folder}/{_unfinished(name)}"
    with tf.io.gfile.GFile(unfinished, "wb") as file:
        file.write(content)
    tf.io.gfile.rename(unfinished, path, overwrite=True)


def _unfinished(name: str) -> str:
    return f".{name}.{host_mark()}-{secrets.token_hex(4)}{_UNFINISHED}"
