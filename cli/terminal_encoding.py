"""Output to terminals whose encoding lacks some letters."""

from __future__ import annotations

import io
import sys


def show_what_the_terminal_can() -> None:
    """Makes `?` of letters that the terminal's encoding lacks (`PYTHONIOENCODING=latin-1`) instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
