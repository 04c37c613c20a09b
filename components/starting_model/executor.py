"""Executor of StartingModel: copies the model into the run's artifacts."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import path_utils

from ...progress import report
from ..artifacts import Artifacts
from ..empty_folder import empty_folder
from ..model_copy import copy_model
from .driver import find_start
from .properties import EXAMPLES_DIGEST, MODEL_DIGEST, SAME_INPUT, STARTING_MODEL


class Executor(base_executor.BaseExecutor):
    """Executor of `StartingModel`.

    It copies the model, so that the training does not depend on a folder whose versions come and go.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Fills the artifact, or leaves its folder empty if there is no model.

        Args:
            input_dict: `examples`: the input of the run.
            output_dict: `base_model`: the artifact to fill.
            exec_properties: `push_destination` or `model_path`; and what the driver adds, if an orchestrator ran it.

        Raises:
            ChangedModelError: The model is no longer the one that was looked up.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        # Kubeflow runs no driver.
        looked_up = exec_properties.get(STARTING_MODEL) is not None
        start = exec_properties if looked_up else find_start(input_dict, exec_properties)
        base_model = artifact_utils.get_single_instance(output_dict[specs.BASE_MODEL_KEY])
        # Kubeflow makes no folders, and a retried task must not add to existing files.
        empty_folder(base_model.uri)
        tf.io.gfile.makedirs(base_model.uri)
        for name in (STARTING_MODEL, SAME_INPUT, EXAMPLES_DIGEST):
            base_model.set_string_custom_property(name, start.get(name) or "")
        model = start[STARTING_MODEL]
        if model:
            copy_model(model, path_utils.serving_model_dir(base_model.uri), start[MODEL_DIGEST])
        # A training may start from it, or a DriftValidator may only compare with its text.
        report(f"the earlier model is {model}" if model else "no model of other text is served")
