"""Access to the server: a token that clients must send, and the files of TLS."""

from __future__ import annotations

import hmac
import ipaddress
import re
import ssl
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

from ..errors import SettingError, escape

# The form of tokens in HTTP (RFC 6750), with enough characters that nobody guesses them.
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]{16,}=*")
_MOST_BYTES = 4096
# The page that asks for the token; it shows nothing of the model but its name.
_OPEN_ADDRESSES = ("/",)
REFUSED = "the server wants its token: send the header `Authorization: Bearer TOKEN`"


def read_token(path: str, warn: Callable[[str], None]) -> bytes:
    """Reads the token of a file; white space around it is no part of it.

    Args:
        path: The file.
        warn: Called with a template of `SettingError` if other users may read the file.

    Raises:
        SettingError: If it cannot be read, or does not hold a token.
    """
    file = f"{{token_file}}={escape(path)}"
    try:
        with Path(path).open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
            mode = stat.S_IMODE(Path(path).stat().st_mode)
    except OSError as error:
        raise SettingError(f"{file}: cannot be read ({escape(error.strerror)}); set {{token_file}}") from error
    token = content.strip()
    if len(content) > _MOST_BYTES or not _TOKEN.fullmatch(token):
        raise SettingError(
            f"{file}: holds no token; write one of 16 characters or more into it, letters, digits and -._~+/ alone, "
            "such as the output of: openssl rand -hex 32"
        )
    if mode & 0o077:
        warn(f"{file}: other users of this machine may read or change it (mode {mode:03o}); chmod 600 {escape(path)}")
    return token


def check_tls(certificate: str, key: str) -> None:
    """Checks that a certificate and its key can be used.

    Args:
        certificate: PEM file of the certificate, and of those between it and the authority's.
        key: PEM file of its private key, without a password.

    Raises:
        SettingError: If not.
    """

    def no_password() -> str:
        raise SettingError(
            f"{{tls_key}}={escape(key)}: has a password; give a file without: openssl pkey -in ... -out ..."
        )

    for name, path in (("tls_cert", certificate), ("tls_key", key)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise SettingError(
                f"{{{name}}}={escape(path)}: cannot be read ({escape(error.strerror)}); set {{{name}}}"
            ) from error
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, no_password)
    except ssl.SSLError as error:
        reason = error.reason or "no PEM"
        raise SettingError(
            f"{{tls_cert}}={escape(certificate)}, {{tls_key}}={escape(key)}: are no certificate and its key "
            f"({escape(reason)}); give two PEM files that belong together"
        ) from error


def is_loopback(host: str) -> bool:
    """Returns whether other machines cannot reach a server that listens at an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Token:
    """The token that a server wants."""

    def __init__(self, token: bytes):
        self._token = token

    def admits(self, authorization: bytes) -> bool:
        """Returns whether a header `Authorization` has the token; the time does not tell how much of it is right."""
        scheme, _, given = authorization.partition(b" ")
        return hmac.compare_digest(given.strip(), self._token) and scheme.lower() == b"bearer"


class TokenMiddleware:
    """ASGI middleware that refuses requests without the token with 401, before their body is read."""

    def __init__(self, app: Callable[..., Awaitable[None]], token: Token, on_refusal: Callable[[], None]):
        self._app = app
        self._token = token
        self._on_refusal = on_refusal

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request."""
        if scope["type"] != "http" or scope["path"] in _OPEN_ADDRESSES:
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(given) == 1 and self._token.admits(given[0]):
            await self._app(scope, receive, send)
            return
        self._on_refusal()
        body = orjson.dumps({"error": REFUSED})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"www-authenticate", b"Bearer"),
        ]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})
