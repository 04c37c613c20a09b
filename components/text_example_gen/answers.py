"""Questions to a file system about many files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ...remote import is_remote

Answer = TypeVar("Answer")

_MOST_AT_ONCE = 32


def answers(ask: Callable[[str], Answer], paths: Sequence[str]) -> list[Answer]:
    """Asks about each path, about many at once if one is remote, such as in an object store: each is a request.

    Args:
        ask: Returns the answer for a path, in any thread.
        paths: The paths.

    Returns:
        The answers, in the order of the paths. An error is that of the first path with one.
    """
    if not any(map(is_remote, paths)):
        return list(map(ask, paths))
    with ThreadPoolExecutor(_MOST_AT_ONCE) as threads:
        return list(threads.map(ask, paths))
