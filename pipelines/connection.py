"""Connection to another host, tried before a run needs it."""

from __future__ import annotations

import os
import socket

# Seconds for a connection; a host that drops packets does not answer at all.
_CONNECT_SECONDS = 10.0


def connection_problem(host: str, port: int) -> str | None:
    """Returns why no connection can be made to a port of a host; None if one can."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except (OSError, UnicodeError) as error:
        # A UnicodeError: no host has such a name.
        number = error.errno if isinstance(error, OSError) else None
        return os.strerror(number) if number and number > 0 else str(error)
    return None
