"""Server process of `tfx-lm serve`."""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvicorn

from ..errors import SettingError, escape
from .access import Token, check_tls, is_loopback, read_token
from .app import create_app
from .connections import Clients
from .open_files import open_files_for
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
    token_file: str | None = None,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    on_warning: Callable[[str], None] = lambda template: None,
) -> None:
    """Serves a model until a signal ends the process; running requests are still answered.

    Args:
        path: The folder of all versions, or a version's own.
        host: The address to listen at.
        port: The port; 0 takes a free one.
        name: The model's name in the addresses.
        limits: The limits of a request.
        poll_seconds: Seconds between two looks for a new version.
        on_ready: Called with the server's URL, its address of gRPC or "", once it listens.
        cors_origins: The origins whose pages may send requests; `*`: all.
        grpc_port: The port of gRPC, at the same host; 0 takes a free one, None: no gRPC.
        token_file: File of the token that clients must send; None: they need none.
        tls_cert: PEM file of the certificate, for TLS over both protocols; None: no TLS.
        tls_key: PEM file of its key; given if and only if `tls_cert` is.
        on_warning: Called with templates of `SettingError` for what is no error, but should be changed.

    Raises:
        ValueError: If a port is taken, an origin is invalid, a file of access or TLS cannot be used, the system does
            not allow as many connections, no model can be loaded, or the name or `poll_seconds` cannot be used.
    """
    for origin in cors_origins:
        if origin != "*" and not re.fullmatch(r"https?://[A-Za-z0-9_.:\[\]-]+", origin):
            raise SettingError(
                f"{{cors_origins}}={escape(origin)}: no origin; give scheme, host and port as browsers send them, "
                "such as https://example.org or http://localhost:3000, or * for all"
            )
    tls = _tls(tls_cert, tls_key)
    token = Token(read_token(token_file, on_warning)) if token_file is not None else None
    _warn_beyond_loopback(host, token is not None, tls is not None, on_warning)
    open_files_for(limits.connections, protocols=1 if grpc_port is None else 2)
    address = ""
    with _listen(host, port, "port") as listening:
        if grpc_port is not None:
            # gRPC listens by itself after the model is loaded. Listening here finds a taken port before.
            with _listen(host, grpc_port, "grpc_port") as tried:
                address = f"{_shown(host)}:{tried.getsockname()[1]}"
        clients = Clients(limits, limits.connections)

        @contextlib.asynccontextmanager
        async def beside(predictor: Predictor) -> AsyncIterator[None]:
            metrics = predictor.metrics
            metrics.connections.set_function(lambda: len(clients.open))
            clients.on_cut = metrics.count_cut
            async with _grpc_server(predictor, address, token, tls, lambda: server.should_exit):
                scheme = "http" if tls is None else "https"
                on_ready(f"{scheme}://{_shown(host)}:{listening.getsockname()[1]}", address)
                yield

        app = create_app(path, name, limits, poll_seconds, cors_origins, beside, token)
        config = uvicorn.Config(
            app,
            **clients.uvicorn_options(),
            # Below it, each invalid request of a client writes a line.
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=30,
            # Longer than the 60 s for which proxies keep a connection: a request over one that is just being closed
            # fails. How many may be idle is bounded by `connections`.
            timeout_keep_alive=75,
            ssl_certfile=tls_cert,
            ssl_keyfile=tls_key,
            # Errors repeat parts of addresses; no browser may take them for a page.
            headers=[("X-Content-Type-Options", "nosniff")],
        )
        server = uvicorn.Server(config)
        server.run(sockets=[listening])
        if not server.started:
            raise ValueError("the server could not start; its log says why")


def _tls(certificate: str | None, key: str | None) -> tuple[bytes, bytes] | None:
    """Returns the contents of the certificate and its key; None without TLS."""
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "tls_key" if key is None else "tls_cert"
        raise SettingError(f"{{{missing}}}: is missing; TLS needs both {{tls_cert}} and {{tls_key}}")
    check_tls(certificate, key)
    return Path(certificate).read_bytes(), Path(key).read_bytes()


def _warn_beyond_loopback(host: str, token: bool, tls: bool, on_warning: Callable[[str], None]) -> None:
    if is_loopback(host) or (token and tls):
        return
    risks = [] if token else ["everybody who can reach it may ask the model (set {token_file})"]
    if not tls:
        risks.append("texts and tokens can be read on their way (set {tls_cert} and {tls_key})")
    on_warning(f"{{host}}={escape(host)}: beyond this machine, {' and '.join(risks)}; or put a proxy in front")


def _grpc_server(
    predictor: Predictor,
    address: str,
    token: Token | None,
    tls: tuple[bytes, bytes] | None,
    is_ending: Callable[[], bool],
) -> AbstractAsyncContextManager[None]:
    if not address:
        return contextlib.nullcontext()
    # Slow to import, and needed for gRPC only.
    from .grpc_service import grpc_server

    return grpc_server(predictor, address, token, tls, is_ending)


def _listen(host: str, port: int, setting: str) -> socket.socket:
    # As gRPC does: `::` is every address of both families.
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=_family(host, port), backlog=2048, dualstack_ipv6=both)
    except UnicodeError as error:
        raise SettingError(f"{{host}}={escape(host)}: cannot be the name of a host; set another") from error
    except OSError as error:
        if isinstance(error, socket.gaierror) or not error.errno:
            reason = error.strerror or str(error)
        else:
            reason = os.strerror(error.errno)
        raise SettingError(
            f"{{host}}={escape(host)}, {{{setting}}}={port}: cannot listen there ({escape(reason)}); set another"
        ) from error


def _family(host: str, port: int) -> socket.AddressFamily:
    """Returns the family of a host's addresses; IPv4 for a name that has both."""
    # Of a name that is not known, `create_server` only tells a number.
    families = {family for family, *_ in socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)}
    return socket.AF_INET if socket.AF_INET in families else socket.AF_INET6


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
