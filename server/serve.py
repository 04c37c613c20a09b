"""Server process of `tfx-lm serve`."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import uvicorn

from ..errors import SettingError, escape
from .app import create_app
from .options import Limits
from .predictor import Predictor


def serve(
    path: str,
    host: str,
    port: int,
    name: str,
    limits: Limits,
    poll_seconds: float,
    on_ready: Callable[[str, str], None],
    cors_origins: Sequence[str] = (),
    grpc_port: int | None = None,
) -> None:
    """Serves a model until a signal ends the process; running requests are still answered.

    Args:
        path: The folder of all versions, or a version's own.
        host: The address to listen at.
        port: The port; 0 takes a free one.
        name: The model's name in the addresses.
        limits: The limits of a request.
        poll_seconds: Seconds between two looks for a new version.
        on_ready: Called with the server's URL, and host and port of gRPC or "", once it listens.
        cors_origins: The origins whose pages may send requests; `*`: all.
        grpc_port: The port of gRPC, at the same host; 0 takes a free one, None: no gRPC.

    Raises:
        ValueError: If a port is taken, an origin is invalid, no model can be loaded, or the name or
            `poll_seconds` cannot be used.
    """
    for origin in cors_origins:
        if origin != "*" and not re.fullmatch(r"https?://[A-Za-z0-9_.:\[\]-]+", origin):
            raise SettingError(
                f"{{cors_origins}}={escape(origin)}: no origin; give scheme, host and port as browsers send them, "
                "such as https://example.org or http://localhost:3000, or * for all"
            )
    address = ""
    with _listen(host, port, "port") as listening:
        if grpc_port is not None:
            # gRPC listens by itself after the model is loaded. Listening here finds a taken port before.
            with _listen(host, grpc_port, "grpc_port") as tried:
                address = f"{_shown(host)}:{tried.getsockname()[1]}"

        @contextlib.asynccontextmanager
        async def beside(predictor: Predictor) -> AsyncIterator[None]:
            async with _grpc_server(predictor, address):
                on_ready(f"http://{_shown(host)}:{listening.getsockname()[1]}", address)
                yield

        app = create_app(path, name, limits, poll_seconds, cors_origins, beside)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=30,
            # Errors repeat parts of addresses; no browser may take them for a page.
            headers=[("X-Content-Type-Options", "nosniff")],
        )
        server = uvicorn.Server(config)
        server.run(sockets=[listening])
        if not server.started:
            raise ValueError("the server could not start; its log says why")


def _grpc_server(predictor: Predictor, address: str) -> AbstractAsyncContextManager[None]:
    if not address:
        return contextlib.nullcontext()
    # Slow to import, and needed for gRPC only.
    from .grpc_service import grpc_server

    return grpc_server(predictor, address)


def _listen(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise SettingError(
            f"{{host}}={escape(host)}, {{{setting}}}={port}: cannot listen there ({escape(reason)}); set another"
        ) from error


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
