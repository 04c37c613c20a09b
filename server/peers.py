"""Connections of clients of gRPC, ended by the server: gRPC has no way to, and keeps an answer until it is read."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import urllib.parse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_OPEN_FILES = Path("/dev/fd")


def end_connections(peers: Iterable[str]) -> None:
    """Ends the connections of this process to some peers; all their calls end with them.

    Args:
        peers: As gRPC names them: `ipv4:127.0.0.1:54321`, `ipv6:%5B::1%5D:54321`.
    """
    addresses = {_address(peer) for peer in peers}
    for path in list(_OPEN_FILES.iterdir()):
        with contextlib.suppress(OSError):
            # A copy, since the file of a number may be another one by then.
            copy = os.dup(int(path.name))
            try:
                _end_if_peer(copy, addresses)
            finally:
                os.close(copy)


def _end_if_peer(descriptor: int, addresses: set[tuple[Any, int]]) -> None:
    """Ends a connection if its peer is one of some; raises an OSError if it is no connection."""
    connection = socket.socket(fileno=descriptor)
    try:
        inet = connection.family in (socket.AF_INET, socket.AF_INET6)
        if inet and _normal(*connection.getpeername()[:2]) in addresses:
            connection.shutdown(socket.SHUT_RDWR)
    finally:
        connection.detach()


def _address(peer: str) -> tuple[Any, int]:
    host, _, port = urllib.parse.unquote(peer).partition(":")[2].rpartition(":")
    return _normal(host.strip("[]"), int(port))


def _normal(host: str, port: int) -> tuple[Any, int]:
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address, port
