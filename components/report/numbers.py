"""Formats of numbers for people."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"

# From here on, not every whole number is a float, so that the last digits would be invented.
_WHOLE_NUMBERS = 2**53


def number(value: float | None, digits: int = 2) -> str:
    """Formats a number: `1,234.50`, `3.2e+09`, `∞`, `NaN`; `–` for None.

    Args:
        value: The number.
        digits: Digits after the point, up to ten million, and for whole numbers up to 2^53. Larger ones have three in
            all.
    """
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    all_digits = abs(value) < 1e7 or (float(value).is_integer() and abs(value) < _WHOLE_NUMBERS)
    text = f"{value:,.{digits}f}" if all_digits else f"{value:.3g}"
    return text.replace("-", MINUS) if value < 0 else text


def count(value: float | None) -> str:
    """Formats a count: `12,345`."""
    return number(value, 0)


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """Formats an interval: `96.20 to 100.80`; empty if it is not known."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low, digits)} to {number(high, digits)}"


def share(value: float | None, digits: int = 2) -> str:
    """Formats a share: `3.20 %`."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{number(100 * value, digits)} %"


def signed(value: float | None, digits: int = 2) -> str:
    """Formats a number with its sign: `+1.20`, `−0.30`."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 else text


def change(value: float | None) -> str:
    """Formats a change as a share with its sign: `+1.20 %`."""
    text = share(value)
    return f"+{text}" if value is not None and value > 0 else text
