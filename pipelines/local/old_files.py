"""Files of old runs that ML Metadata does not know: backups of trainings and searches, and logs.

Whatever has another name is a user's own, as is all behind a symbolic link.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

# With what a writer that was killed has left.
_TRAINING = re.compile(r"training-[0-9a-f]{16}\.npz|\.training-[0-9a-f]{16}\.npz\.[^.]{8}-[0-9a-f]{8}\.unfinished")
_SEARCH = re.compile(r"search-[0-9a-f]{16}")
_LOG = re.compile(r"\d{8}-\d{6}\.log")


def old_backups(output: Path, time: float) -> list[Path]:
    """Returns the backups in an output folder that were written last before a time, in seconds since 1970.

    Raises:
        OSError: A folder cannot be read.
    """
    return [
        *_written_before(time, output / "training_backup", _TRAINING, stat.S_ISREG),
        *_written_before(time, output / "tuning_backup", _SEARCH, stat.S_ISDIR),
    ]


def old_logs(output: Path, time: float) -> list[Path]:
    """Returns the logs; see `old_backups`."""
    return _written_before(time, output / "logs", _LOG, stat.S_ISREG)


def files_below(path: Path) -> list[Path]:
    """Returns the files in a folder and in its folders, without those behind symbolic links."""
    return [Path(parent, name) for parent, _, names in os.walk(path) for name in names]


def _written_before(time: float, folder: Path, name: re.Pattern[str], kind: Callable[[int], bool]) -> list[Path]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    entries = (entry for entry in sorted(folder.iterdir()) if name.fullmatch(entry.name))
    entries = (entry for entry in entries if kind(entry.lstat().st_mode))
    return [entry for entry in entries if max(file.lstat().st_mtime for file in (entry, *files_below(entry))) < time]
