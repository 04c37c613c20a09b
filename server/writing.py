"""Writing of answers: large ones in another thread, so that the event loop serves other requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from .padding import Outputs

Answer = TypeVar("Answer")

# Number of values above which writing takes milliseconds.
LARGE_ANSWER = 10_000


async def written(outputs: Outputs, write: Callable[[], Answer]) -> Answer:
    """Returns the answer that `write` makes of some outputs."""
    if sum(array.size for array in outputs.values()) > LARGE_ANSWER:
        return await asyncio.to_thread(write)
    return write()
