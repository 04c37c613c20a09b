"""URL of ML Metadata: a SQLite file, or a database of a PostgreSQL or MySQL server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ..errors import ConfigurationError

# Wins over the configuration. It may contain a password; a configuration must not.
URL_VARIABLE = "TFX_LM_METADATA"
PASSWORD_VARIABLE = "TFX_LM_METADATA_PASSWORD"  # noqa: S105, a name

DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306}
_ENCODED = "special characters of user and password percent-encoded"
_FORMS = "sqlite:///FILE, postgresql://USER@HOST:PORT/DATABASE or mysql://USER@HOST:PORT/DATABASE"


@dataclass(frozen=True)
class MetadataUrl:
    """The parts of a URL of ML Metadata.

    Attributes:
        kind: sqlite, postgresql or mysql.
        database: The file of SQLite, the database's name otherwise.
        host: Empty for SQLite, as are `user` and `password`.
        port: 0 for SQLite.
        user: The user's name.
        password: Empty if the URL has none.
    """

    kind: str
    database: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)


def parse_metadata_url(url: str, source: str) -> MetadataUrl:
    """Reads a URL.

    Args:
        url: `sqlite:///relative/file`, `sqlite:////absolute/file`, `postgresql://user@host:5432/database` or
            `mysql://user@host:3306/database`; the port may be left out, special characters are percent-encoded.
        source: The configuration key or environment variable that holds it, for the error.

    Returns:
        For `postgresql://me@db.example/mlmd`: kind `postgresql`, host `db.example`, port 5432, user `me`, database
        `mlmd`, no password.

    Raises:
        ConfigurationError: Names the source and the forms that are allowed, and never shows a password.
    """
    shown = _without_password(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # Its text may hold a part of the password.
        raise ConfigurationError(f"{source}={shown}: must be {_FORMS}, {_ENCODED}") from None
    if parts.scheme == "sqlite":
        file = unquote(parts.path[1:])
        if parts.netloc or not file:
            raise ConfigurationError(f"{source}={shown}: must be sqlite:///FILE (four slashes for an absolute path)")
        return MetadataUrl("sqlite", file)
    if parts.scheme not in DEFAULT_PORTS:
        raise ConfigurationError(f"{source}={shown}: must be {_FORMS}")
    database = unquote(parts.path[1:])
    if not parts.hostname or not parts.username or not database or "/" in database or parts.query or parts.fragment:
        raise ConfigurationError(f"{source}={shown}: must be {parts.scheme}://USER@HOST:PORT/DATABASE, {_ENCODED}")
    return MetadataUrl(
        kind=parts.scheme,
        database=database,
        host=parts.hostname,
        port=port or DEFAULT_PORTS[parts.scheme],
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
    )


def _without_password(url: str) -> str:
    """Returns the URL for an error, without what may be a password, however the URL is mistyped."""
    scheme, rest = re.fullmatch(r"([^:/@?#]*://)?(.*)", url, re.DOTALL).groups("")  # type: ignore[union-attr]
    user, mark, behind = re.fullmatch(r"([^:?#]*)([:?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if mark == ":" and "@" in user and "@" not in behind:  # The port.
        return f"{scheme}{user}:{_until_query(behind)}"
    if mark == ":" and "@" in behind and "@" not in user:
        # A password ends at the last `@`, since an unencoded one may contain more.
        return f"{scheme}{user}:…@{_until_query(behind.rpartition('@')[2])}"
    return f"{scheme}{user}{mark}{'…' if mark else ''}"


def _until_query(text: str) -> str:
    shown, mark = re.fullmatch(r"([^?#]*)([?#]?).*", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{shown}{mark}{'…' if mark else ''}"
