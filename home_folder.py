"""The home folder in paths of settings: a YAML file and `--set key=~/path` have no shell that replaces `~`."""

from __future__ import annotations

from pathlib import Path


def expand_home(path: str) -> str:
    """Returns a path with `~/` at its beginning replaced by the user's home folder."""
    return str(Path(path).expanduser()) if path.startswith("~/") else path
