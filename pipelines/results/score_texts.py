"""Scores and counts as the terminal shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence

# From here on, digits would be more than the width of a column and less than what is known.
LONG = 1e7


def score_text(value: float | None, form: str = ".2f") -> str:
    """Formats a score: `98.40`, `1.23e+300`, `nan`; `none` for None.

    Args:
        value: The score.
        form: The format of a score of usual size. With a `+` it shows the sign of every score.
    """
    if value is None:
        return "none"
    if math.isfinite(value) and abs(value) >= LONG:
        form = "+.3g" if form.startswith("+") else ".3g"
    return f"{value:{form}}"


def interval_text(bounds: Sequence[float | None] | None, form: str = ".2f") -> str:
    """Formats an interval: `96.20 to 100.80`; empty if neither bound is known, such as that of a single sentence."""
    if not bounds or all(bound is None or math.isnan(bound) for bound in bounds):
        return ""
    return " to ".join(score_text(bound, form) for bound in bounds)


def count_text(value: float) -> str:
    """Formats a count with all its digits: `12,345`; `nan` if there is none."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"
