"""Runs the server: what `tfx-lm serve` does."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

import uvicorn

from .app import create_app
from .limits import Limits


def serve(
    path: str,
    host: str,
    port: int,
    name: str,
    limits: Limits,
    poll_seconds: float,
    on_ready: Callable[[str], None],
) -> None:
    """Serves a model until the process is told to end; requests under way are still answered.

    Args:
        path: The folder of all versions, or a version's own.
        host: The address to listen at.
        port: The port; 0 takes a free one.
        name: The model's name in the addresses.
        limits: What requests may cost.
        poll_seconds: How often a new version is looked for.
        on_ready: Told the server's URL, once it listens.

    Raises:
        ValueError: If the port is taken, there is no model that can be loaded, or the name or `poll_seconds` cannot be
            used.
    """
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise ValueError(f"--host {host} --port {port}: cannot listen there ({reason}); set another") from error
    with listening:
        app = create_app(path, name, limits, poll_seconds)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=30)
        shown = f"[{host}]" if ":" in host else host
        on_ready(f"http://{shown}:{listening.getsockname()[1]}")
        uvicorn.Server(config).run(sockets=[listening])
