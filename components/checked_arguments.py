"""Arguments of a component, checked when it is built; its executor checks those that only a run knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx.orchestration.data_types import RuntimeParameter

from ..settings import Settings

# Stands in for a number that only a run knows if its option has no default; within the bounds of all such options.
_WITHIN_BOUNDS = 2


def checked_arguments(group: type[Settings], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Checks the arguments that a group of options defines.

    Args:
        group: The options.
        arguments: Each argument by name. If a RuntimeParameter has a default, that is checked.

    Returns:
        The arguments with the types of their options, such as 5.0 for 5; RuntimeParameters unchanged.

    Raises:
        SettingError: If a value is out of range.
    """
    known = {}
    for name, value in arguments.items():
        if not isinstance(value, RuntimeParameter):
            known[name] = value
        elif value.default is not None:
            known[name] = value.default
        elif value.ptype in (int, float):
            default = group.model_fields[name].get_default()
            known[name] = _WITHIN_BOUNDS if default is None else default
    options = group.parse(known)
    return {
        name: value if isinstance(value, RuntimeParameter) else getattr(options, name)
        for name, value in arguments.items()
    }
