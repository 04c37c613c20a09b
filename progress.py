"""Where a running node says how far it is.

TFX's logs go to a file, so a node that wants to be seen while it works calls `report`. The local runner shows
the text on the terminal; on other orchestrators, where nobody listens, it is an INFO log line.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, "float | None"], None]

_listeners: list[Listener] = []


def report(text: str, fraction: float | None = None) -> None:
    """Says what the running node does now.

    Args:
        text: One short line, such as `epoch 2/5  loss 5.21  perplexity 183  4,480 tokens/s`.
        fraction: How much of the node's work is done, 0.0 to 1.0, where that is known.
    """
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
