"""Gate options as execution properties, read when the Evaluator runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...exported.gate_options import GateOptions

SLICES_KEY = "slices"


def gate_of_run(properties: Mapping[str, Any]) -> GateOptions:
    """Reads the options of a run.

    Args:
        properties: The execution properties. One that is missing is None, which switches its condition off.

    Returns:
        The checked options.

    Raises:
        SettingError: If a value is out of range.
    """
    values = {name: properties.get(name) for name in GateOptions.model_fields}
    return GateOptions.parse({**values, SLICES_KEY: json.loads(properties[SLICES_KEY])})
