"""Lock of an output folder: one run at a time works in it.

Two runs would read and replace the same backups, records and summary, and each would push a model without comparing it
with the other's.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing import reduction
from pathlib import Path
from typing import Any

from ... import file_lock
from ..errors import ConfigurationError

LOCK_FILE = ".run.lock"

# Seconds in which nodes end after their run was killed; their supervisors need less.
_ENDING = 10.0


class HeldLock:
    """Held lock of an output folder. A process that gets it as an argument holds it too, as long as it lives.

    So the nodes of a run that was killed keep the folder until they have ended.
    """

    def __init__(self, descriptor: int) -> None:
        """Args: descriptor: Of the locked file."""
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[Any], HeldLock], tuple[Any]]:
        """Sends the descriptor to a process that is being started."""
        return _received, (reduction.DupFd(self.descriptor),)


def _received(descriptor: Any) -> HeldLock:
    return HeldLock(descriptor.detach())


@contextlib.contextmanager
def locked_output(output: Path, waiting: Callable[[str], None] | None = None) -> Iterator[HeldLock]:
    """Keeps other runs out of an output folder.

    Args:
        output: The folder; it is created if missing.
        waiting: None: a folder that another run holds is refused. Otherwise this waits, and calls `waiting` once
            with a sentence that names the other run.

    Raises:
        ConfigurationError: Another run works in the folder, or it cannot be locked.
    """
    file = output / LOCK_FILE
    try:
        output.mkdir(parents=True, exist_ok=True)
        descriptor = _acquire(file, waiting)
    except BlockingIOError:
        raise ConfigurationError(
            f"output={output}: {_holder(file)} works in it; wait for its end (`tfx-lm run --wait` does so), or "
            "choose another folder"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"output={output}: cannot be locked ({error.strerror or error})") from error
    try:
        os.ftruncate(descriptor, 0)
        since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        content = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
        os.pwrite(descriptor, json.dumps(content).encode(), 0)
        yield HeldLock(descriptor)
    finally:
        file_lock.unlock(descriptor)


def _acquire(file: Path, waiting: Callable[[str], None] | None) -> int:
    deadline = time.monotonic() + _ENDING
    while True:
        try:
            return file_lock.lock(file, wait=False)
        except BlockingIOError:
            if waiting is not None:
                waiting(f"Waiting: {_holder(file)} works in {file.parent}")
                return file_lock.lock(file)
            if not _is_gone(_read(file)) or time.monotonic() > deadline:
                raise
        # The run was killed, and its nodes are about to end.
        time.sleep(0.1)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {"pid": int(content["pid"]), "host": str(content["host"]), "since": str(content["since"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {}  # Its holder has just begun.


def _holder(file: Path) -> str:
    content = _read(file)
    if not content:
        return "another run"
    return f"another run (process {content['pid']} on {content['host']}, since {content['since']})"


def _is_gone(holder: dict[str, Any]) -> bool:
    """Returns True if the process that took the lock has ended, so that only its nodes hold it."""
    if holder.get("host") != socket.gethostname():
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
