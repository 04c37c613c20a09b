"""Output to terminals whose encoding lacks some letters."""

from __future__ import annotations

import io
import sys


def show_what_the_terminal_can() -> None:
    """Replaces letters that the terminal's encoding lacks (`PYTHONIOENCODING=latin-1`) by `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
