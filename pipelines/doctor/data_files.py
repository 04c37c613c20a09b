"""Input files of a configuration: how many there are, and whether they can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...remote import is_remote
from ..config import PipelineConfig
from ..errors import ConfigurationError
from ..preflight import check_data


def describe_data(config: PipelineConfig) -> tuple[dict[str, Any] | None, str | None]:
    """Looks at the first bytes of each input file, and for some text in each split, as `tfx-lm run` does.

    Args:
        config: The configuration.

    Returns:
        `files` and their `bytes`, and `elsewhere`, the patterns of other file systems, which only nodes look at; None
        if the configuration names no input. And what keeps a run from reading the files, with the remedy; or None.
    """
    patterns = [*config.data.files, *(pattern for of in config.data.splits.values() for pattern in of)]
    if not patterns:
        return None, None
    try:
        paths = check_data(config)
        found = {"files": len(paths), "bytes": sum(Path(path).stat().st_size for path in paths)}
    except (ConfigurationError, OSError) as error:
        return None, str(error)
    return {**found, "elsewhere": [pattern for pattern in patterns if is_remote(pattern)]}, None
