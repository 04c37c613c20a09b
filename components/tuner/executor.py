"""TFX's search, with a table of all trials, failed ones too."""

from __future__ import annotations

import json
from typing import Any

import keras_tuner
import tensorflow as tf
from tfx.components.tuner import executor as tfx_executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...errors import SettingError
from ..artifacts import Artifacts
from ..normalization import check_transformed
from ..trainer.overrides import with_overrides
from .results import TRIALS_FILE


class Executor(tfx_executor.Executor):
    """Searches, and writes the best hyperparameters and the results as TFX does."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the trials.

        Args:
            input_dict: The inputs of TFX's Tuner.
            output_dict: The outputs of TFX's Tuner.
            exec_properties: Those of TFX's Tuner, and `trainer_OPTION` for any option of `TrainerOptions`, as for
                the Trainer.

        Raises:
            SettingError: An option cannot be used, the examples were read in another normalization, or all trials
                failed.
        """
        config = with_overrides(json_utils.loads(exec_properties[specs.CUSTOM_CONFIG_KEY]), exec_properties)
        check_transformed(input_dict.get(specs.EXAMPLES_KEY, []), config)
        properties = {**exec_properties, specs.CUSTOM_CONFIG_KEY: json_utils.dumps(config)}
        results = artifact_utils.get_single_uri(output_dict[specs.TUNER_RESULTS_KEY])
        try:
            trials = tfx_executor.search(input_dict, properties, results, print_tuning_summary=False)
        except keras_tuner.errors.FatalError as error:
            # The error of the training itself names what is wrong.
            raise error.__cause__ or error from None
        outcomes = trials.outcomes
        with tf.io.gfile.GFile(f"{results}/{TRIALS_FILE}", "w") as file:
            file.write(json.dumps(outcomes, indent=1) + "\n")
        failures = [outcome["failure"] for outcome in outcomes if outcome["failure"]]
        if len(failures) == len(outcomes):
            raise SettingError(
                f"{{trials}}: all {len(outcomes)} failed, the last one with: {failures[-1]}; leave such values "
                "out of {space}"
            )
        tfx_executor.write_best_hyperparameters(trials, output_dict)
        trials.forget()
