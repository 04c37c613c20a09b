"""Failures of storage, such as a full disk: one sentence with the cause, the path and the remedy.

Each library tells them in its own way: Python as an `OSError`, TensorFlow as `PATH; No space left on device`, Beam as a
`RuntimeError` without a path, ML Metadata as `database or disk is full`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

# Bytes below which a file system counts as full: it may have room for names and small files only.
_FULL = 1 << 20

_CAUSES = {
    errno.ENOSPC: "its disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file became larger than is allowed (`ulimit -f` shows the limit)",
    errno.EROFS: "its file system is read-only",
    errno.EIO: "its disk reports an error",
}
# What SQLite answers.
_SQLITE = {
    "database or disk is full": errno.ENOSPC,
    "attempt to write a readonly database": errno.EROFS,
    "disk I/O error": errno.EIO,
}
_REMEDIES = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free space there",
    errno.EFBIG: "raise the limit",
    errno.EROFS: "make it writable",
    errno.EIO: "look at the system's log (`dmesg`), repair it",
}
_OTHER = {"output": " or choose another output", "TMPDIR": " or set TMPDIR to another folder"}


def storage_failure(error: BaseException, places: Mapping[str, Path]) -> str | None:
    """Finds a failure of storage in an exception.

    Args:
        error: The exception, perhaps raised from such a failure or while one was handled.
        places: The folders that are written to, by the setting that names them: `output`, `TMPDIR`, `metadata`. They
            tell where, if the exception does not.

    Returns:
        Worked example: `/tmp/x/part-0: cannot be written in TMPDIR=/tmp: its disk is full (TMPDIR: 0.0 of 64 MB free);
        free space there or set TMPDIR to another folder, then run again: it goes on from here`. None if there is no
        such failure.
    """
    for each in _chain(error):
        code, path = _code_and_path(each)
        if code is not None:
            return _sentence(code, path, places)
    return None


def full_places(places: Mapping[str, Path]) -> str | None:
    """Returns a sentence about the folders whose disk is full; None if there are none.

    For a process that ended without a word: it could not write one.

    Args:
        places: See `storage_failure`.
    """
    full = [name for name, place in places.items() if (free := _free(place)) is not None and free[0] < _FULL]
    return _sentence(errno.ENOSPC, None, {name: places[name] for name in full}) if full else None


def _code_and_path(error: BaseException) -> tuple[int | None, str | None]:
    """Returns the number of a failure of storage, and the path that it names; (None, None) for other errors."""
    text = str(error)
    if isinstance(error, OSError) and error.errno in _CAUSES:
        return error.errno, None if error.filename is None else os.fsdecode(error.filename)
    for code in _CAUSES:
        reason = os.strerror(code)
        if reason in text:
            before = re.search(rf"(?:^|\}}\}} |[:\s])(/[^;\n]*); {re.escape(reason)}", text)
            behind = re.search(rf"{re.escape(reason)}: '([^'\n]+)'", text)
            found = before or behind
            return code, found[1] if found else None
    return next((code for words, code in _SQLITE.items() if words in text), None), None


def _sentence(code: int, path: str | None, places: Mapping[str, Path]) -> str:
    named = dict(places) if path is None else _place_of(path, places)
    if path is None and code == errno.ENOSPC:
        full = {name: place for name, place in places.items() if (free := _free(place)) and free[0] < _FULL}
        named = full or named
    shown = " or ".join(f"{name}={place}" for name, place in named.items())
    facts = [os.strerror(code)]
    if code == errno.ENOSPC:
        spaces = [(name, _free(place)) for name, place in named.items()]
        facts = [f"{name}: {free[0] / 1e6:.1f} of {free[1] / 1e6:.0f} MB free" for name, free in spaces if free]
    about = f" ({', '.join(facts)})" if facts else ""
    where = path if path is not None else shown or "a file"
    inside = f" in {shown}" if path is not None and shown else ""
    # A damaged disk fails to read, too.
    use = "read or written" if code == errno.EIO else "written"
    other = _OTHER.get(next(iter(named)), "") if len(named) == 1 else ""
    return (
        f"{where}: cannot be {use}{inside}: {_CAUSES[code]}{about}; {_REMEDIES[code]}{other}, then run again: it "
        "goes on from here"
    )


def _place_of(path: str, places: Mapping[str, Path]) -> dict[str, Path]:
    """Returns the place that a path lies in, the innermost of several; empty if it lies in none."""
    resolved = Path(path).resolve()
    around = {name: place for name, place in places.items() if resolved.is_relative_to(place.resolve())}
    name = max(around, key=lambda each: len(around[each].resolve().parts), default=None)
    return {} if name is None else {name: around[name]}


def _free(place: Path) -> tuple[int, int] | None:
    """Returns the free and all bytes of a folder's file system; None if it cannot be asked."""
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return usage.free, usage.total


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and those that it comes from."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        yield current
        seen.add(id(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
