"""Installed packages of the TFX stack, and of the extra `serve`. Imports none of them."""

from __future__ import annotations

import re
from importlib import metadata

# What a run needs; TFX decides their versions.
STACK = (
    "tfx",
    "apache-beam",
    "tensorflow",
    "keras",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "tensorflow-data-validation",
    "tfx-bsl",
    "ml-metadata",
)
_NAME = re.compile(r"[\w.-]+")


def stack_versions() -> dict[str, str | None]:
    """Returns the version of each package of the stack; None if it is not installed."""
    return {name: _version(name) for name in STACK}


def missing_for(extra: str) -> list[str]:
    """Returns the packages of one of our extras that are not installed.

    Args:
        extra: Its name, such as `serve`.
    """
    try:
        requirements = metadata.requires("tfx-lm") or []
    except metadata.PackageNotFoundError:
        return []
    names = [_NAME.match(text) for text in requirements if re.search(rf"extra == ['\"]{extra}['\"]", text)]
    return [name[0] for name in names if name and _version(name[0]) is None]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
