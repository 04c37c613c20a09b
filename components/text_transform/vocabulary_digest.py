"""Digest of a pinned vocabulary file among the options of TextTransform, so that it is part of the cache's key."""

from __future__ import annotations

import hashlib
from typing import Any

from tfx.dsl.io import fileio

VOCABULARY_DIGEST = "vocabulary_digest"


def with_digest(custom_config: dict[str, Any]) -> dict[str, Any]:
    """Returns the options with the digest of their vocabulary file, if they name one.

    TFX's cache sees only the file's path; an edited vocabulary under the same path must not be a stale cache hit.

    Args:
        custom_config: The options, as TextTransform has them.
    """
    path = custom_config["vocabulary"]["file"]
    if path is None:
        return custom_config
    with fileio.open(path, "rb") as file:
        return {**custom_config, VOCABULARY_DIGEST: hashlib.sha256(file.read()).hexdigest()[:16]}
