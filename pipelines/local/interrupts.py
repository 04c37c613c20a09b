"""Ctrl-C and SIGTERM at a long command: every process ends within seconds, and the exit code is that of the signal."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator

import click

# Seconds after which this process ends in any case. The supervisors of the nodes need less.
DEADLINE = 8.5

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal that ends the run. It is not an `Exception`, since libraries swallow these."""

    def __init__(self, number: int) -> None:
        """Args: number: The signal."""
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def ending_on_signals(what_is_left: str = "the same command goes on from here") -> Iterator[None]:
    """Ends the process with exit code 130 at Ctrl-C, 143 at SIGTERM and 129 if the terminal is closed.

    The first signal raises `Interrupted` in the block. A second one kills the nodes at once. If the block has not
    ended `DEADLINE` seconds after the first one, because C++ code does not return or a library swallows the exception,
    the nodes are killed, and the process ends there.

    Args:
        what_is_left: What the user is told about what was done so far.
    """
    read, written = os.pipe()
    os.set_blocking(written, False)
    interrupted: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        if not interrupted:
            interrupted.append(number)
            raise Interrupted(number)

    # Ignored signals stay ignored: nohup ignores SIGHUP, and shells ignore SIGINT in the background.
    handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in handled}
    # The system writes the number of a signal here even if the main thread runs no Python code.
    wakeup = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(read, handled), daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        # Beam makes another exception of it.
        if not interrupted:
            raise
        number = interrupted[0]
        click.echo(f"tfx-lm: ended by {signal.Signals(number).name}; {what_is_left}", err=True)
        sys.exit(128 + number)
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(written)  # Ends the watcher.
        watcher.join()
        os.close(read)


def _watch(wakeups: int, handled: list[signal.Signals]) -> None:
    first = None
    while True:
        ready, _, _ = select.select([wakeups], [], [], None if first is None else DEADLINE)
        number = 0
        if ready:
            content = os.read(wakeups, 1)
            if not content:
                return
            number = content[0]
            if number not in handled:
                continue
        if first is None:
            first = number
            continue
        for process in multiprocessing.active_children():
            process.kill()
        if not ready:
            os._exit(128 + first)
