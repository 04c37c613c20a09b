"""Driver of StartingModel: looks up the model before the cache, so that it is part of the cache's key."""

from __future__ import annotations

from typing import Any

from tfx.types import standard_component_specs as specs

from ..model_copy import model_digest
from ..served_driver import ServedDriver
from .find import examples_digest, is_trained_on, named_start, served_start
from .properties import EXAMPLES_DIGEST, MODEL_DIGEST, SAME_INPUT, STARTING_MODEL

MODEL_PATH = "model_path"


class Driver(ServedDriver):
    """Adds the execution properties `starting_model`, `model_digest`, `same_input` and `examples_digest`."""

    def look_up(self, inputs: dict[str, list[Any]], properties: dict[str, Any]) -> dict[str, str]:
        """Returns the model to start from; see `find_start`."""
        return find_start(inputs, properties)


def find_start(input_dict: dict[str, list[Any]], exec_properties: dict[str, Any]) -> dict[str, str]:
    """Returns the properties of the starting model.

    Args:
        input_dict: The node's inputs, with `examples`.
        exec_properties: The node's properties, with `push_destination` or `model_path`.

    Returns:
        `starting_model`, the folder or ""; its `model_digest`; `same_input`, "yes" if a served one was trained on the
        same input, otherwise ""; and the `examples_digest`.
    """
    digest = examples_digest(input_dict[specs.EXAMPLES_KEY])
    named = exec_properties.get(MODEL_PATH)
    model = named_start(named) if named else served_start(exec_properties[specs.PUSH_DESTINATION_KEY], digest)
    same = "yes" if model and not named and is_trained_on(model, digest) else ""
    return {STARTING_MODEL: model, MODEL_DIGEST: model_digest(model), SAME_INPUT: same, EXAMPLES_DIGEST: digest}
