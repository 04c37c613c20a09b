"""Measurement of a command with all processes that it starts."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

# Seconds between two looks at the memory.
_PAUSE = 0.2


class Usage(NamedTuple):
    """What a command took.

    Attributes:
        wall_seconds: From its start to its end.
        processor_seconds: Of all its processes, user and system.
        peak_megabytes: Largest sum of the resident sizes of its processes at one time. Pages that two processes share
            count twice.
    """

    wall_seconds: float
    processor_seconds: float
    peak_megabytes: float


class CommandError(RuntimeError):
    """A command failed, or took too long."""


def measure(command: Sequence[str], log: Path, timeout: float) -> Usage:
    """Runs a command.

    Args:
        command: The command.
        log: The file for what it prints.
        timeout: Seconds after which it is ended.

    Returns:
        What it took.

    Raises:
        CommandError: It failed or took longer; the message has the end of its output.
    """
    begin = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        peak, ended = _Peak(process.pid), threading.Event()
        watch = threading.Thread(target=_watch, args=(peak, ended, process, begin + timeout))
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            ended.set()
            watch.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        late = f"was ended after {timeout:.0f} s" if time.perf_counter() - begin >= timeout else "failed"
        last = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise CommandError(f"{' '.join(command)}: {late}:\n{last}")
    # The kernel's own peak of the largest process, which no pause misses.
    largest = usage.ru_maxrss * 1024
    return Usage(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, max(peak.seen, largest) / 1e6)


class _Peak:
    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self.seen = 0

    def look(self) -> None:
        total = 0
        try:
            processes = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.seen = max(self.seen, total)


def _watch(peak: _Peak, ended: threading.Event, process: subprocess.Popen, deadline: float) -> None:
    while not ended.wait(_PAUSE):
        peak.look()
        if time.perf_counter() >= deadline:
            # `tfx-lm` ends its processes and exits.
            process.send_signal(signal.SIGTERM)
            deadline = float("inf")
