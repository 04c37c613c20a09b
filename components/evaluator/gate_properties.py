"""Gate options as execution properties: checked when the component is built, read when it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfx.orchestration.data_types import RuntimeParameter

from ...exported.gate_options import GateOptions, checked_gate

SLICES_KEY = "slices"

# Takes the place of a number that only a run knows: it lies within the bounds of every option.
_WITHIN_BOUNDS = 2


def check_known(options: Mapping[str, Any]) -> None:
    """Checks the options of a component.

    Args:
        options: The options by name. Of a RuntimeParameter, its default is checked if it has one.

    Raises:
        SettingError: If a value is out of range.
    """
    known = {}
    for name, value in options.items():
        if not isinstance(value, RuntimeParameter):
            known[name] = value
        elif value.default is not None:
            known[name] = value.default
        elif value.ptype in (int, float):
            known[name] = _WITHIN_BOUNDS
    checked_gate(known)


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
    return checked_gate({**values, SLICES_KEY: json.loads(properties[SLICES_KEY])})
