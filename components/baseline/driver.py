"""Driver of Baseline: looks up the served model before the cache, so that it is part of the cache's key."""

from __future__ import annotations

from typing import Any

from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from ..model_path import model_path
from ..served_driver import ServedDriver
from .served import SERVED_MODEL_KEY, served_model


class Driver(ServedDriver):
    """Adds the execution property `served_model`."""

    def look_up(self, inputs: dict[str, list[Any]], properties: dict[str, Any]) -> dict[str, str]:
        """Returns the served model; see `find_served`."""
        return {SERVED_MODEL_KEY: find_served(inputs, properties)}


def find_served(input_dict: dict[str, list[Any]], exec_properties: dict[str, Any]) -> str:
    """Returns the folder of the served model, or "" without one.

    Args:
        input_dict: The node's inputs, with the candidate `model`.
        exec_properties: The node's properties, with `push_destination`.
    """
    candidate = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
    return served_model(exec_properties[specs.PUSH_DESTINATION_KEY], model_path(candidate))
