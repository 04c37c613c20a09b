"""Connection between the processes that watch the workers of a training on different hosts."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

# Seconds for one message to be written; the other end reads at once.
_WRITING = 30.0
# A message of a host that may be anybody; the chief's are larger.
HELLO_BYTES = 2**16
TASK_BYTES = 2**26
# Seconds without any packet after which a connection is tried, between two tries, and the number of tries: a host
# that was switched off is noticed after a minute. The same for what was sent to it, milliseconds.
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))


class Peer:
    """The other end of a connection. Messages are JSON objects, one a line; no code is ever read.

    Args:
        connection: The connected socket; closed by `close`.
        limit: The largest message that is read, bytes.
    """

    def __init__(self, connection: socket.socket, limit: int) -> None:
        self._socket = connection
        self._limit = limit
        self._read = b""
        connection.settimeout(_WRITING)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):  # Not on every system.
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def fileno(self) -> int:
        """Returns the descriptor, so that one can wait for it."""
        return self._socket.fileno()

    def send(self, **message: Any) -> None:
        """Sends a message. A connection that is broken is noticed by `receive`."""
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            # A part may have been sent: nothing can follow it, and both ends notice that.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def receive(self) -> list[dict[str, Any]] | None:
        """Reads what has come, after a wait for `fileno`.

        Returns:
            Whole messages, perhaps none yet; None if the connection has ended or is not one of ours.
        """
        try:
            content = self._socket.recv(2**16)
        except OSError:
            return None
        *lines, self._read = (self._read + content).split(b"\n")
        if not content or len(self._read) > self._limit:
            return None
        try:
            messages = [json.loads(line) for line in lines]
        except (ValueError, RecursionError):  # The second: deeply nested, by whoever it is.
            return None
        return messages if all(isinstance(message, dict) for message in messages) else None

    def close(self) -> None:
        """Ends the connection, which the other end notices."""
        self._socket.close()
