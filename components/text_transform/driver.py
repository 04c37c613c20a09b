"""Driver of TextTransform: reads a pinned vocabulary file again before the cache look-up.

On Airflow, a pipeline that was compiled once has the digest that the file had then.
"""

from __future__ import annotations

from typing import Any

from tfx.dsl.io import fileio
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ..served_driver import ServedDriver
from .vocabulary_digest import VOCABULARY_DIGEST, with_digest


class Driver(ServedDriver):
    """Replaces the digest of the vocabulary file in the execution property `custom_config`."""

    def look_up(self, inputs: dict[str, list[Any]], properties: dict[str, Any]) -> dict[str, str]:
        """Returns the options with the digest that the file has now; nothing without a file."""
        custom_config = json_utils.loads(properties[specs.CUSTOM_CONFIG_KEY])
        # That a file is missing says the executor.
        if VOCABULARY_DIGEST not in custom_config or not fileio.exists(custom_config["vocabulary"]["file"]):
            return {}
        return {specs.CUSTOM_CONFIG_KEY: json_utils.dumps(with_digest(custom_config))}
