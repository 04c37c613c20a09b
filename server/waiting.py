"""What waits for its client, such as a connection whose headers have not arrived: bounded, the oldest gives way."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from .options import Limits

# Number of bytes that the bodies that arrive, and the answers that are not read yet, hold together, of each protocol.
_HELD_BYTES = 2**28
# At least so many of the largest bodies.
_HELD_BODIES = 64


def held_bytes(limits: Limits) -> int:
    """Returns the largest number of bytes that bodies and answers may hold while they wait for clients."""
    return max(_HELD_BYTES, _HELD_BODIES * limits.body_bytes)


class Waiting:
    """Connections or calls that wait for their clients, in the order in which they began to.

    A limit that refuses those who come would let slow clients lock out the others. So room is made by ending what has
    waited the longest, which is never a request that the server is answering.

    Attributes:
        size: The number of bytes that all hold.
    """

    def __init__(self, most: int, most_bytes: int):
        """Makes the collection.

        Args:
            most: Largest number of them.
            most_bytes: Largest number of bytes that they hold together; a single one may hold more.
        """
        self._most = most
        self._most_bytes = most_bytes
        self._give_up: dict[Hashable, Callable[[], None]] = {}
        self._sizes: dict[Hashable, int] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, item: Hashable, give_up: Callable[[], None], size: int) -> None:
        """Adds one as the newest, or makes it the newest.

        Args:
            item: The connection or call.
            give_up: Ends it; called after it was removed here.
            size: The number of bytes that it holds.
        """
        self.remove(item)
        self._give_up[item] = give_up
        self._sizes[item] = size
        self.size += size
        while len(self._sizes) > self._most:
            self.end_oldest()
        self._limit_size()

    def grow(self, item: Hashable, size: int) -> None:
        """Adds to the bytes that one holds, without making it newer."""
        if item in self._sizes:
            self._sizes[item] += size
            self.size += size
            self._limit_size()

    def _limit_size(self) -> None:
        while self.size > self._most_bytes and len(self._sizes) > 1:
            # Not one that holds nothing, which would be ended in vain.
            self._end(next(item for item, size in self._sizes.items() if size))

    def remove(self, item: Hashable) -> None:
        """Removes one that no longer waits, if it does."""
        self._give_up.pop(item, None)
        self.size -= self._sizes.pop(item, 0)

    def end_oldest(self) -> bool:
        """Ends the one that has waited the longest; returns False if there is none."""
        if not self._sizes:
            return False
        self._end(next(iter(self._sizes)))
        return True

    def _end(self, item: Hashable) -> None:
        give_up = self._give_up[item]
        self.remove(item)
        give_up()
