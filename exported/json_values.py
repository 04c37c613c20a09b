"""JSON values: NaN and infinity, which JSON lacks, become null; a repeated key is an error."""

from __future__ import annotations

import math
from typing import Any


class DuplicateKeyError(ValueError):
    """An object has a key twice; the message names it."""


def json_values(value: Any) -> Any:
    """Returns a tree that `json.dumps` writes as JSON: NaN and infinity are None, tuples are lists."""
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object for the `object_pairs_hook` of `json.loads`, which itself would keep the last of equal keys.

    Args:
        pairs: Keys and values.

    Raises:
        DuplicateKeyError: If a key is there twice.
    """
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise DuplicateKeyError(f"the key {key if len(key) <= 40 else key[:40] + '…'} stands there twice; keep one")
        result[key] = value
    return result
