"""The terminal belongs to progress and results; everything else a run prints goes to its log file."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..components import progress

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


class RunDisplay:
    """Shows a run node by node: a live line for the one that works, a lasting line for each that ended."""

    def __init__(self, console: Console) -> None:
        """Args: console: Where to show it. Without a terminal behind it, only lasting lines are printed."""
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._node = ""
        self._text = ""
        self._started = time.monotonic()

    @contextlib.contextmanager
    def shown(self) -> Iterator[RunDisplay]:
        """Listens to the nodes' progress while the block runs."""
        with progress.listening(self._on_progress):
            if not self._console.is_terminal:
                yield self
                return
            with self._live:
                yield self

    def started(self, node_id: str) -> None:
        """A node begins to work."""
        self._node, self._text, self._started = node_id, "", time.monotonic()
        self._refresh()

    def ended(self, node_id: str, state: str, seconds: float) -> None:
        """A node ended; `state` is COMPLETE, CACHED, FAILED or SKIPPED."""
        self._node = ""
        self._refresh()
        self._console.print(f"{_SYMBOLS[state]} {node_id:<30} {state:<9} {seconds:7.1f} s", highlight=False)

    def _on_progress(self, text: str, fraction: float | None) -> None:
        self._text = text if fraction is None else f"{_bar(fraction)} {text}"
        self._refresh()

    def _refresh(self) -> None:
        if self._console.is_terminal:
            self._live.update(_Elapsed(self._node, self._text, self._started) if self._node else Text(""))


class _Elapsed:
    """The live line; drawn anew at each refresh, so that the seconds run while a node says nothing."""

    def __init__(self, node: str, text: str, started: float) -> None:
        self._node, self._text, self._started = node, text, started

    def __rich__(self) -> Text:
        seconds = time.monotonic() - self._started
        line = Text(f"… {self._node:<30} {seconds:5.0f} s  {self._text}", no_wrap=True, overflow="ellipsis")
        return line


def _bar(fraction: float, width: int = 20) -> str:
    filled = round(min(max(fraction, 0.0), 1.0) * width)
    return "█" * filled + "░" * (width - filled)
