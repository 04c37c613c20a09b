"""Ports of this machine: whether a server could listen at them."""

from __future__ import annotations

import os
import socket

from ..beam.options import host_and_port


def port_problem(address: str) -> str | None:
    """Tries to listen at an address, as a server would.

    Args:
        address: HOST:PORT of this machine.

    Returns:
        Why no server could listen there now; None if it is free.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(host_and_port(address))
        except OSError as error:
            return os.strerror(error.errno) if error.errno else str(error)
    return None
