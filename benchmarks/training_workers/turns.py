"""Turns of a worker: it waits for its turn, works one round, and answers with the time.

The coordinator writes one line for each round; the answer is one line of JSON. Standard library only: a worker may run
where this package is not installed.
"""

import ctypes
import ctypes.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from shared.answers import Answers

STATUS = Path("/proc/self/status")


class Turns:
    """Waits and answers.

    **Memory.** It is measured in the first round of a fresh process. Before it, the allocator returns freed blocks
    to the system, and the kernel's peak of the resident size is reset (Linux; elsewhere there are no memory
    figures), so that the peak after the round is that of the training steps.

    **Other work.** Each answer has the number of cores that other processes kept busy meanwhile (Linux): other work
    makes figures unreliable, most of all PyTorch's, whose threads often wait for each other.
    """

    def __init__(self):
        self._answers = Answers()
        self._memory: dict[str, int] | None = {} if STATUS.exists() else None

    def ready(self, **facts: Any) -> None:
        """Reports to the coordinator that everything is built."""
        self._answers.send(**facts)

    def begin(self) -> None:
        """Waits for the turn and starts the clock; ends the process once there are no more turns."""
        if not sys.stdin.readline():
            sys.exit(0)
        if self._memory == {}:
            self._memory["loaded"] = _reset_peak()
        self._others = _seconds_of_others()
        self._started = time.perf_counter()

    def end(self, work: int, **facts: Any) -> None:
        """Stops the clock and answers: `seconds`, `work`, `other_cores`, and the bytes of memory of the first round.

        Args:
            work: Real tokens of the training, or FLOPs.
            **facts: Other values of the answer.
        """
        seconds = time.perf_counter() - self._started
        # The kernel counts in hundredths of a second, so a difference may be below 0.
        others = max(0.0, (_seconds_of_others() - self._others) / seconds)
        if self._memory and "peak" not in self._memory:
            self._memory["peak"] = _status_bytes("VmHWM")
        self._answers.send(seconds=seconds, memory=self._memory, work=work, other_cores=others, **facts)


def specification() -> dict[str, Any]:
    """Returns the coordinator's specification: the JSON text that is the only argument of a worker.

    `sample`, the path of a file, is replaced by the file's contents; see `sample.choose`.
    """
    asked = json.loads(sys.argv[1])
    return {**asked, "sample": json.loads(Path(asked["sample"]).read_text())}


def available_cores() -> int | None:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _reset_peak() -> int:
    """Resets the peak of the resident size and returns that size in bytes."""
    trim = getattr(ctypes.CDLL(ctypes.util.find_library("c")), "malloc_trim", None)
    if trim is not None:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _seconds_of_others() -> float:
    """Returns the processor time of all other processes, in seconds; 0 if there is no /proc."""
    if not STATUS.exists():
        return 0.0
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = (
        int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    busy = user + nice + system + interrupts + soft_interrupts + stolen
    return busy / os.sysconf("SC_CLK_TCK") - time.process_time()


def _status_bytes(field: str) -> int:
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1]) * 1024
