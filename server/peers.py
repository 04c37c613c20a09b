"""Connections of clients of gRPC, ended by the server: gRPC has no way to, and keeps an answer until it is read."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import urllib.parse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

_OPEN_FILES = Path("/dev/fd")


def end_connections(peers: Iterable[str]) -> None:
    """Ends the connections of this process to some peers; all their calls end with them.

    Args:
        peers: As gRPC names them: `ipv4:127.0.0.1:54321`, `ipv6:%5B::1%5D:54321`.
    """
    addresses = {_address(peer) for peer in peers}
    _end_connections(lambda client, own: _normal(*client) in addresses)


def end_connections_of(port: int) -> None:
    """Ends all connections that this process has accepted at a port; all their calls end with them."""
    _end_connections(lambda client, own: own[1] == port)


def _end_connections(is_one: Callable[[tuple[str, int], tuple[str, int]], bool]) -> None:
    """Ends those connections of this process for whose addresses, the client's and our own, a function returns True."""
    ending = []
    for path in list(_OPEN_FILES.iterdir()):
        with contextlib.suppress(OSError):
            # A copy, since the file of a number may be another one by then.
            copy = os.dup(int(path.name))
            addresses = _addresses(copy)
            if addresses is not None and is_one(*addresses):
                ending.append(socket.socket(fileno=copy))
            else:
                os.close(copy)
    # All of them only now: their clients may open others at once.
    for connection in ending:
        with connection, contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _addresses(descriptor: int) -> tuple[tuple[str, int], tuple[str, int]] | None:
    """Returns the addresses of a connection, the client's and our own; None if the file is none."""
    with contextlib.suppress(OSError):
        connection = socket.socket(fileno=descriptor)
        try:
            if connection.family in (socket.AF_INET, socket.AF_INET6):
                return connection.getpeername()[:2], connection.getsockname()[:2]
        finally:
            connection.detach()
    return None


def _address(peer: str) -> tuple[Any, int]:
    host, _, port = urllib.parse.unquote(peer).partition(":")[2].rpartition(":")
    return _normal(host.strip("[]"), int(port))


def _normal(host: str, port: int) -> tuple[Any, int]:
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address, port
