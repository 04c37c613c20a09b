"""JSON values: NaN and infinity, which JSON lacks, become null."""

from __future__ import annotations

import math
from typing import Any


def json_values(value: Any) -> Any:
    """Returns a tree that `json.dumps` writes as JSON: NaN and infinity are None, tuples are lists."""
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
