"""Ports of this machine, for servers that a test starts."""

import contextlib
import socket
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def free_ports(count: int) -> Iterator[list[int]]:
    """Finds free ports, and keeps them free for those who know their numbers as long as the context lasts.

    Many tests run at the same time, and a server may take seconds until it listens. On Linux, nobody who asks for any
    free port is given one at which a socket is bound, though it does not listen; a server that asks for this very port
    may listen there, if it sets SO_REUSEADDR, as servers do. Other systems refuse that, so there the ports are only
    free when they are found.
    """
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
        if not sys.platform.startswith("linux"):
            held.close()
        yield ports
