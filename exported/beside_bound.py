"""Rounded numbers that stand beside a bound in a sentence."""

from __future__ import annotations


def beside_bound(value: float, bound: float, form: str) -> str:
    """Rounds a number, but never so far that it seems to be on the other side of a bound.

    With the form `.3g`, 98.42 beside 300 is `98.4`; beside 98.4, which it exceeds, it is `98.42`.

    Args:
        value: The number.
        bound: The bound; a value that is equal to it keeps it.
        form: The format with the fewest digits: a point, their number, and `g` or `f`.

    Returns:
        The number with as many digits as are needed.
    """
    digits, kind = int(form[1:-1]), form[-1]
    texts = (f"{value:.{more}{kind}}" for more in range(digits, digits + 18))
    return next((text for text in texts if (float(text) <= bound) == (value <= bound)), str(value))


def plain(value: float) -> str:
    """Returns a number as people write it, without the error of its binary fraction: `7` for 100 * 0.07."""
    return f"{value:.12g}"
