"""Executor of Baseline: copies the served model into the run's artifacts."""

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
from .driver import find_served
from .served import SERVED_DESTINATION_KEY, SERVED_DIGEST_KEY, SERVED_MODEL_KEY, absolute

BASELINE_KEY = "baseline"


class Executor(base_executor.BaseExecutor):
    """Executor of `Baseline`.

    It copies the model, so that the records of a run stay complete when a version is removed from the destination.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Fills the artifact, or leaves its folder empty if no model is served.

        Args:
            input_dict: `model`: the candidate.
            output_dict: `baseline`: the artifact to fill.
            exec_properties: `push_destination`; and what the driver adds, if an orchestrator ran it.

        Raises:
            ChangedModelError: The served model is no longer the one that was looked up.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        # Kubeflow runs no driver.
        looked_up = exec_properties.get(SERVED_MODEL_KEY) is not None
        found = exec_properties if looked_up else find_served(input_dict, exec_properties)
        served = found[SERVED_MODEL_KEY]
        baseline = artifact_utils.get_single_instance(output_dict[BASELINE_KEY])
        # Kubeflow makes no folders, and a retried task must not add to existing files.
        empty_folder(baseline.uri)
        tf.io.gfile.makedirs(baseline.uri)
        baseline.set_string_custom_property(SERVED_MODEL_KEY, served)
        baseline.set_string_custom_property(SERVED_DIGEST_KEY, found[SERVED_DIGEST_KEY])
        destination = absolute(exec_properties[specs.PUSH_DESTINATION_KEY])
        baseline.set_string_custom_property(SERVED_DESTINATION_KEY, destination)
        if served:
            copy_model(served, path_utils.serving_model_dir(baseline.uri), found[SERVED_DIGEST_KEY])
        report(f"compare with {served}" if served else "no model is served yet")
