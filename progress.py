"""Progress of a running node.

TFX's logs go to a file, so a node calls `report` to show its progress. The local runner shows the text on the
terminal; on other orchestrators it is an INFO log line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, "float | None"], None]

_listeners: list[Listener] = []
_parts: list[tuple[str, float, float]] = []


def report(text: str, fraction: float | None = None) -> None:
    """Reports what the running node is doing.

    Args:
        text: One short line, such as `epoch 2/5  loss 5.21  perplexity 183  4,480 tokens/s`.
        fraction: Share of the node's work that is done, 0.0 to 1.0; None if unknown.
    """
    for title, begin, share in reversed(_parts):
        text, fraction = f"{title}  {text}", begin if fraction is None else begin + share * fraction
    if not _listeners:
        logging.getLogger(__name__).info(text)
    for listener in _listeners:
        listener(text, fraction)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Sends every `report` inside the `with` block to `listener` instead of the log."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def part(title: str, begin: float, share: float) -> Iterator[None]:
    """Makes every `report` inside the `with` block one of a part of the node's work.

    Args:
        title: Stands before the text of each report, such as `trial 2 of 20`.
        begin: Share of the node's work that is done when the part begins.
        share: The part's share of the node's work.
    """
    _parts.append((title, begin, share))
    try:
        yield
    finally:
        _parts.pop()


def log_only() -> None:
    """Sends every later `report` to the log, in a process whose progress another one shows."""
    _listeners.clear()
