"""The order of flushes and renames, to test that content is on disk before its name is."""

import os
from pathlib import Path

import pytest


def note_disk_events(monkeypatch: pytest.MonkeyPatch) -> list[int | str]:
    """Returns a list that gets the inode of each file that is flushed, and "rename" or "replace" for each renaming."""
    events: list[int | str] = []
    fsync = os.fsync

    def note_fsync(descriptor: int) -> None:
        events.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def noted(name: str):
        original = getattr(Path, name)

        def renamed(self: Path, target: Path) -> Path:
            events.append(name)
            return original(self, target)

        return renamed

    monkeypatch.setattr(os, "fsync", note_fsync)
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, noted(name))
    return events
