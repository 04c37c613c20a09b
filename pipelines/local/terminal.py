"""Terminal output of a run: progress and results. All other output goes to the log file."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

_SYMBOLS = {"COMPLETE": "✓", "CACHED": "=", "FAILED": "✗"}
_ASCII_SYMBOLS = {"COMPLETE": "+", "CACHED": "=", "FAILED": "x"}


@contextlib.contextmanager
def output_to(log_file: Path) -> Iterator[TextIO]:
    """Sends standard output and error, also those of TensorFlow's C++ code, to a file.

    Args:
        log_file: The file; text is appended if it exists.

    Yields:
        A text stream to the original standard output.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved, streams = (os.dup(1), os.dup(2)), (sys.stdout, sys.stderr)
    with log_file.open("ab", buffering=0) as log, _terminal() as terminal:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        sys.stdout, sys.stderr = _lossy_stream(1), _lossy_stream(2)
        try:
            yield terminal
        finally:
            # Libraries may hold the old ones.
            for stream in (sys.stdout, sys.stderr, *streams):
                with contextlib.suppress(OSError):
                    stream.flush()
            sys.stdout, sys.stderr = streams
            for target, descriptor in zip((1, 2), saved, strict=True):
                os.dup2(descriptor, target)
                os.close(descriptor)


class _LossyFile(io.FileIO):
    """File that drops what it cannot write: a log on a full disk must not end the work that prints to it."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            return len(content)


def _lossy_stream(descriptor: int) -> TextIO:
    file = io.BufferedWriter(_LossyFile(descriptor, "wb", closefd=False))
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _terminal() -> TextIO:
    """Opens standard output again with its encoding; characters that the encoding lacks become `?`."""
    return os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding or "utf-8", errors="replace")


def plain_console(file: TextIO | None = None) -> Console:
    """Returns a console without markup: Rich would interpret `[batch]` in errors and paths.

    Args:
        file: The file to print to; None: standard output.
    """
    return Console(file=file, markup=False, emoji=False)


class RunDisplay:
    """Display of a run: a progress bar for each running node, a line for each that ended.

    Args:
        console: The console. If it is not a terminal, only the lines of nodes that ended are printed.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        dots = "…" if console.encoding.startswith("utf") else "."
        self._progress = Progress(
            TextColumn(f"{dots} {{task.description:<30}}", markup=False),
            TimeElapsedColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            console=console,
            refresh_per_second=4,
            transient=True,
            disable=not console.is_terminal,
            expand=True,
        )
        self._bars: dict[str, TaskID] = {}

    @contextlib.contextmanager
    def shown(self) -> Iterator[RunDisplay]:
        """Shows the bars while the block runs."""
        # If it is not a terminal, Rich would print an empty line at the end.
        with self._progress if self._console.is_terminal else contextlib.nullcontext():
            yield self

    def started(self, node_id: str) -> None:
        """A node starts; its bar pulses until the node reports a fraction."""
        self._bars[node_id] = self._progress.add_task(node_id, total=None, text="")

    def reported(self, node_id: str, text: str, fraction: float | None) -> None:
        """A node reports its current work and the fraction that is done, 0.0 to 1.0; None leaves the bar as it is."""
        total = None if fraction is None else 1.0
        self._progress.update(self._bars[node_id], total=total, completed=fraction, text=text, refresh=True)

    def ended(self, node_id: str, state: str, seconds: float) -> None:
        """A node ended; `state` is COMPLETE, CACHED, FAILED or SKIPPED. A skipped node has no line."""
        if state == "SKIPPED":
            return
        bar = self._bars.pop(node_id, None)
        if bar is not None:
            self._progress.remove_task(bar)
        symbol = _SYMBOLS[state] if self._console.encoding.startswith("utf") else _ASCII_SYMBOLS[state]
        self._console.print(f"{symbol} {node_id:<30} {state:<9} {seconds:7.1f} s", highlight=False)
