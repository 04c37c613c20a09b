"""Exclusive lock on a file or folder, which the system ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import socket
from pathlib import Path

# What file systems without locks answer.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


class NoLocksError(OSError):
    """The file system of a path has no locks."""


def lock(path: Path, wait: bool = True, create: bool = True) -> int:
    """Locks a file or folder.

    The lock is one of `flock`: it belongs to the open descriptor and to its copies in other processes, and ends when
    all of them are closed, or at `unlock`. On a network file system it depends on the server.

    Args:
        path: A folder, or a file.
        wait: Whether to wait until nobody else holds the lock.
        create: Whether to create a missing file.

    Returns:
        The open descriptor that holds the lock; closing it ends the lock.

    Raises:
        BlockingIOError: Somebody else holds the lock, and `wait` is False.
        NoLocksError: The file system has no locks.
        OSError: The file cannot be opened.
    """
    # NFS locks only what is open for writing, and no folder can be; it locks folders for one host only.
    flags = os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | (os.O_CREAT if create else 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException as error:
        os.close(descriptor)
        if isinstance(error, OSError) and error.errno in _NO_LOCKS:
            raise NoLocksError(
                f"{path}: its file system has no file locks ({error.strerror}), without which two processes would "
                "overwrite each other's work; choose a folder on a local disk, or mount this one with locks"
            ) from error
        raise
    return descriptor


def is_named(descriptor: int, path: Path) -> bool:
    """Returns whether an open file or folder still has this name; it may have been removed before it was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def host_mark() -> str:
    """Returns 8 letters that stand for this host in the name of a folder whose lock may hold on one host only.

    They are short, since the path of a socket within the folder may have 107 letters.
    """
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def unlock(descriptor: int) -> None:
    """Ends a lock and closes its descriptor, even if other processes have copies of it."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)
