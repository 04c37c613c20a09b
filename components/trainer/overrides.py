"""Options of the trainer that a run overrides, each as a separate execution property. Imports no TFX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.options import TrainerOptions


def property_of(option: str) -> str:
    """Returns the execution property that overrides an option: `trainer_epochs` for `epochs`."""
    return f"trainer_{option}"


def check_overrides(properties: Mapping[str, Any]) -> None:
    """Checks options that are execution properties, before a run begins.

    Args:
        properties: Values by name of property; others than `trainer_OPTION` are ignored.

    Raises:
        SettingError: If an option is invalid.
    """
    TrainerOptions.parse(_overrides(properties))


def with_overrides(custom_config: dict[str, Any], exec_properties: dict[str, Any]) -> dict[str, Any]:
    """Puts options that are execution properties into the Trainer's configuration.

    Example: `{"trainer": {"epochs": 3, "units": 8}}` and `{"trainer_epochs": 5, "code_digest": "…"}` give
    `{"trainer": {"epochs": 5, "units": 8}}`.

    Args:
        custom_config: The Trainer's `custom_config`.
        exec_properties: All of its execution properties.

    Returns:
        The configuration with the overrides.
    """
    return {**custom_config, "trainer": {**custom_config["trainer"], **_overrides(exec_properties)}}


def _overrides(properties: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: properties.get(property_of(name)) for name in TrainerOptions.model_fields}
    return {name: value for name, value in given.items() if value is not None}
