"""Processes of a test, found by a variable of their environment, whoever their parents are."""

import os
import time
from pathlib import Path

import pytest

VARIABLE = "TFX_LM_TEST_MARK"


class Marked:
    """Processes that were started, or whose ancestors were, while a test's fixture `marked` was in use."""

    def __init__(self, mark):
        self._mark = f"{VARIABLE}={mark}".encode()

    def alive(self) -> list[str]:
        """The command lines of those that are alive."""
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    if self._mark in (process / "environ").read_bytes().split(b"\0"):
                        found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except (OSError, ProcessLookupError):  # It has just ended, or is somebody else's.
                    continue
        return found

    def wait_until_gone(self, seconds: float = 60.0) -> None:
        """Waits; the deadline is for a test that hangs."""
        deadline = time.monotonic() + seconds
        while alive := self.alive():
            assert time.monotonic() < deadline, alive
            time.sleep(0.1)


@pytest.fixture
def marked(tmp_path, monkeypatch):
    # Tests that run beside these, in a root of their own, have folders of the same names.
    mark = f"{tmp_path} {os.getpid()}"
    monkeypatch.setenv(VARIABLE, mark)
    return Marked(mark)
