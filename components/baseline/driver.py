"""Driver of Baseline: looks up the served model before the cache, so that it is part of the cache's key."""

from __future__ import annotations

from typing import Any

from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from ..model_copy import model_digest
from ..model_path import model_path
from ..served_driver import ServedDriver
from .served import SERVED_DIGEST_KEY, SERVED_MODEL_KEY, served_model


class Driver(ServedDriver):
    """Adds the execution properties `served_model` and `served_digest`."""

    def look_up(self, inputs: dict[str, list[Any]], properties: dict[str, Any]) -> dict[str, str]:
        """Returns the served model; see `find_served`."""
        return find_served(inputs, properties)


def find_served(input_dict: dict[str, list[Any]], exec_properties: dict[str, Any]) -> dict[str, str]:
    """Returns the properties of the served model.

    Args:
        input_dict: The node's inputs, with the candidate `model`.
        exec_properties: The node's properties, with `push_destination`.

    Returns:
        `served_model`, the folder, and `served_digest`; both are "" if no model is served.
    """
    candidate = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
    served = served_model(exec_properties[specs.PUSH_DESTINATION_KEY], model_path(candidate))
    return {SERVED_MODEL_KEY: served, SERVED_DIGEST_KEY: model_digest(served)}
