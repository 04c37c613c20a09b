"""Error of a request that is not answered as asked."""

from __future__ import annotations


class RequestError(Exception):
    """A request that is the client's mistake, or too much.

    Attributes:
        status: The HTTP status: 4xx, or 503 where the server is ending.
        message: What is wrong, and the remedy.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message
