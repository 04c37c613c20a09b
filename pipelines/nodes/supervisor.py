"""Supervisor of a process: ends it and all processes that it has started, even if they ignore signals.

    tfx-lm ── supervisor ── a node ── its children: Beam's workers, the ServingCheck's server

A node runs code of many libraries. Some handle signals themselves (TensorFlow's preemption notifier), some swallow
every exception (Beam's unpickling), and while C++ code waits, no Python code runs. So a node cannot be relied on to end
itself: another process, which runs only the loop below, sends it SIGTERM, and kills it after some seconds.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...parent_death import end_with_parent
from ..storage_failure import full_places
from .scratch import scratch_folder, use

# Seconds between SIGTERM and SIGKILL, in which a process records its failure and removes temporary files.
GRACE = 4.0


@dataclass(frozen=True)
class Ended:
    """The end of a supervised process.

    Attributes:
        code: Its exit code, or the negative number of the signal that killed it.
        asked: The signal that made the supervisor end it; None if it ended by itself.
        process: Its process id; None if it is not known.
    """

    code: int
    asked: int | None
    process: int | None = None

    def reason(self, places: Mapping[str, Path] | None = None) -> str:
        """Returns the reason of the end of a process that did not end by itself.

        Args:
            places: The folders that it wrote to, see `storage_failure`: a full one is named.
        """
        if self.asked is not None:
            name = signal.Signals(self.asked).name
            killed = f", and was killed because it had not ended after {GRACE:g} s" if self.code == -9 else ""
            return f"ended by {name}{killed}"
        if self.code < 0:
            how = f"was killed by {signal.Signals(-self.code).name}"
        else:
            how = f"ended with exit code {self.code}"
        if full := full_places(places or {}):
            return f"its process {how}; {full}"
        return f"its process {how}; the log may say why, and another run goes on from here"


def supervise(work: Callable[[], int], signals: Collection[int], parent: int | None = None) -> Ended:
    """Runs a function in a fork of this process, and waits for the end of that process.

    The process has a folder of its own for temporary files, which goes with it.

    The process gets SIGTERM at any of `signals`, and SIGKILL if it has not ended `GRACE` seconds later, or at a second
    SIGINT. Its children are killed once it has ended. It does not outlive its supervisor, even if that is
    killed. It has a session of its own, so that Ctrl-C reaches the supervisor alone.

    The work must not need threads of this process. Afterwards this process can only report and exit, since it ignores
    all of `signals` from then on.

    Args:
        work: The function; it returns the exit code.
        signals: The signals that end the process.
        parent: A file descriptor that becomes readable when the parent of this process dies, which has the effect of a
            SIGTERM; None: it has no effect.

    Returns:
        The end of the process.
    """
    with scratch_folder() as scratch:
        return _supervise(work, signals, parent, scratch)


def _supervise(work: Callable[[], int], signals: Collection[int], parent: int | None, scratch: Path | None) -> Ended:
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {*signals, signal.SIGCHLD})
    sys.stdout.flush()
    sys.stderr.flush()
    life, alive = os.pipe()
    supervisor = os.getpid()
    process = os.fork()
    if process == 0:
        for descriptor in (wake, woken, alive):
            os.close(descriptor)
        if scratch is not None:
            use(scratch)
        _run(work, signals, supervisor, life, blocked)
    os.close(life)
    received: list[int] = []
    for number in signals:
        signal.signal(number, lambda number, frame: received.append(number))
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    try:
        return _wait(process, received, wake, parent)
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (wake, woken, alive):
            os.close(descriptor)


def _wait(process: int, received: list[int], wake: int, parent: int | None) -> Ended:
    asked: int | None = None
    kill_at = float("inf")
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            with suppress(ProcessLookupError, PermissionError):  # Its session has no other processes.
                os.killpg(process, signal.SIGKILL)
            return Ended(os.waitstatus_to_exitcode(status), asked, process)
        if received and asked is None:
            asked, kill_at = received[0], time.monotonic() + GRACE
            os.kill(process, signal.SIGTERM)
        left = kill_at - time.monotonic()
        if left <= 0 or signal.SIGINT in received[1:]:
            os.kill(process, signal.SIGKILL)
            left = float("inf")
            kill_at = float("inf")
        watched = [wake] if parent is None else [wake, parent]
        ready, _, _ = select.select(watched, [], [], None if left == float("inf") else left)
        if wake in ready:
            with suppress(BlockingIOError):
                os.read(wake, 4096)
        if parent in ready:
            received.append(signal.SIGTERM)
            parent = None


def _run(work: Callable[[], int], signals: Collection[int], supervisor: int, life: int, mask: set) -> None:
    code = 1
    try:
        os.setsid()
        for number in (*signals, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_with_parent(supervisor, life)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        # Running threads of a library must not keep the process alive.
        os._exit(code)
