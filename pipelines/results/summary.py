"""File `summary.json`: results of a run, for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ... import atomic_file
from ...exported.json_values import json_values

SCHEMA = 1


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """Writes `summary.json` as a whole or not at all; NaN and infinity become null, which JSON can hold."""
    atomic_file.write_text(path, json.dumps(json_values(summary), indent=2, allow_nan=False) + "\n")
