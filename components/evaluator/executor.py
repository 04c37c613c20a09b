"""TFX's Evaluator, for which a baseline without a model in it is no baseline."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import standard_component_specs as specs
from tfx.utils import path_utils


class Executor(tfx_executor.Executor):
    """Leaves out an empty baseline."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the evaluation; arguments as for TFX's Evaluator."""
        baselines = [model for model in input_dict.get(specs.BASELINE_MODEL_KEY, []) if _holds_model(model)]
        super().Do({**input_dict, specs.BASELINE_MODEL_KEY: baselines}, output_dict, exec_properties)


def _holds_model(model: types.Artifact) -> bool:
    return tf.io.gfile.exists(f"{path_utils.serving_model_dir(model.uri)}/saved_model.pb")
