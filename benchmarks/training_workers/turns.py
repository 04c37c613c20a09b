"""A worker's side of the benchmark: it waits for its turn, works one round, and says how long it took.

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

    **Memory.** The first round of a fresh process is the one in which memory is measured. Before it, what the
    allocator keeps of freed blocks goes back to the system and the kernel's mark of the highest resident size
    is reset (Linux; elsewhere there are no memory figures), so that the mark after the round is the peak of
    the training steps. Later rounds leave the allocator alone.

    **Other work.** Each answer says how many cores other processes kept busy meanwhile (Linux): a figure that was
    taken beside other work is worth little, least of all PyTorch's, whose threads wait for each other all the time.
    """

    def __init__(self):
        self._answers = Answers()
        self._memory: dict[str, int] | None = {} if STATUS.exists() else None

    def ready(self, **facts: Any) -> None:
        """Tells the coordinator that everything is built."""
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
            work: Real tokens that were trained on, or FLOPs.
            **facts: What else the answer says.
        """
        seconds = time.perf_counter() - self._started
        # The kernel counts in hundredths of a second, so that a difference may come out below 0.
        others = max(0.0, (_seconds_of_others() - self._others) / seconds)
        if self._memory and "peak" not in self._memory:
            self._memory["peak"] = _status_bytes("VmHWM")
        self._answers.send(seconds=seconds, memory=self._memory, work=work, other_cores=others, **facts)


def specification() -> dict[str, Any]:
    """Returns what the coordinator asks for: the JSON text that is the only argument of a worker.

    `sample`, the path of a file, is replaced by what the file holds; see `sample.choose`.
    """
    asked = json.loads(sys.argv[1])
    return {**asked, "sample": json.loads(Path(asked["sample"]).read_text())}


def available_cores() -> int | None:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _reset_peak() -> int:
    """Returns the resident bytes, after it made them the highest so far."""
    trim = getattr(ctypes.CDLL(ctypes.util.find_library("c")), "malloc_trim", None)
    if trim is not None:
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status_bytes("VmRSS")


def _seconds_of_others() -> float:
    """Returns the seconds of processor time that all other processes have had; 0 where there is no /proc."""
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
