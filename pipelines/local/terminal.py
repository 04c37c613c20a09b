"""The terminal belongs to progress and results; everything else a run prints goes to its log file."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

_SYMBOLS = {"COMPLETE": "✓", "CACHED": "=", "FAILED": "✗", "SKIPPED": "-"}


@contextlib.contextmanager
def output_to(log_file: Path) -> Iterator[TextIO]:
    """Sends standard output and error, also those of TensorFlow's C++ code, to a file.

    Args:
        log_file: Created, or appended to.

    Yields:
        A text stream to what standard output was.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with log_file.open("ab", buffering=0) as log, os.fdopen(os.dup(1), "w", encoding="utf-8") as terminal:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, descriptor in zip((1, 2), saved, strict=True):
                os.dup2(descriptor, target)
                os.close(descriptor)


def plain_console(file: TextIO | None = None) -> Console:
    """A console that shows every text as it is: errors and paths may hold what Rich takes for markup, `[batch]`.

    Args:
        file: Where to; standard output without one.
    """
    return Console(file=file, markup=False, emoji=False)


class RunDisplay:
    """Shows a run node by node: a live line for each that works, a lasting line for each that ended."""

    def __init__(self, console: Console) -> None:
        """Args: console: Where to show it. Without a terminal behind it, only lasting lines are printed."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._working: dict[str, _Working] = {}

    @contextlib.contextmanager
    def shown(self) -> Iterator[RunDisplay]:
        """Shows the live lines while the block runs."""
        if not self._console.is_terminal:
            yield self
            return
        with self._live:
            yield self

    def started(self, node_id: str) -> None:
        """A node begins to work."""
        self._working[node_id] = _Working(node_id)
        self._refresh()

    def reported(self, node_id: str, text: str, fraction: float | None) -> None:
        """A node says what it does, and how much of it is done, 0.0 to 1.0."""
        self._working[node_id].text = text if fraction is None else f"{_bar(fraction)} {text}"
        self._refresh()

    def ended(self, node_id: str, state: str, seconds: float) -> None:
        """A node ended; `state` is COMPLETE, CACHED, FAILED or SKIPPED."""
        self._working.pop(node_id, None)
        self._refresh()
        self._console.print(f"{_SYMBOLS[state]} {node_id:<30} {state:<9} {seconds:7.1f} s", highlight=False)

    def _refresh(self) -> None:
        if self._console.is_terminal:
            self._live.update(Group(*self._working.values()))


class _Working:
    """A live line; drawn anew at each refresh, so that the seconds run while a node says nothing."""

    def __init__(self, node: str) -> None:
        self._node, self._started, self.text = node, time.monotonic(), ""

    def __rich__(self) -> Text:
        seconds = time.monotonic() - self._started
        return Text(f"… {self._node:<30} {seconds:5.0f} s  {self.text}", no_wrap=True, overflow="ellipsis")


def _bar(fraction: float, width: int = 20) -> str:
    filled = round(min(max(fraction, 0.0), 1.0) * width)
    return "█" * filled + "░" * (width - filled)
