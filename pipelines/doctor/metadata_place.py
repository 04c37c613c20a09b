"""ML Metadata as this machine sees it: the folder of its file, or whether its server answers."""

from __future__ import annotations

import os
from pathlib import Path

from ...home_folder import expand_home
from ..connection import connection_problem
from ..errors import ConfigurationError
from ..metadata.metadata_url import URL_VARIABLE, parse_metadata_url


def metadata_place(url: str | None) -> tuple[Path | None, str | None]:
    """Looks at ML Metadata without opening it, which would make it.

    Args:
        url: The configuration's URL, None for a file in the output folder; the environment's wins, as in a run.

    Returns:
        The folder of a SQLite file that a URL names, otherwise None; and the problem, None without one.
    """
    source, url = (URL_VARIABLE, os.environ[URL_VARIABLE]) if os.environ.get(URL_VARIABLE) else ("metadata", url)
    if url is None:
        return None, None
    try:
        parts = parse_metadata_url(url, source)
    except ConfigurationError as error:
        return None, str(error)
    if parts.kind == "sqlite":
        return Path(expand_home(parts.database)).parent, None
    problem = connection_problem(parts.host, parts.port)
    if problem is None:
        return None, None
    return None, (
        f"{source}: no connection to {parts.kind} at {parts.host}:{parts.port} ({problem}); start the server, or name "
        "another one"
    )
