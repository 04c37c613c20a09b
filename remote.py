"""Paths on other file systems, such as object stores: `gs://bucket/folder`."""

from __future__ import annotations

import re

SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)(.*)$", re.DOTALL)


def is_remote(path: str) -> bool:
    """Returns whether a path or pattern is on another file system, such as `gs://bucket/*.txt`."""
    return SCHEME.match(path) is not None
