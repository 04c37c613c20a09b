"""Error of a request that is not answered as asked."""

from __future__ import annotations


class RequestError(Exception):
    """A request that is invalid or exceeds a limit, or that a server that is ending refuses.

    Attributes:
        status: The HTTP status: 4xx, or 503 if the server is ending.
        message: The problem and the remedy.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message
