"""TFX's Trainer, with single hyperparameters as separate execution properties."""

from __future__ import annotations

from typing import Any

from tfx.components.trainer import executor as tfx_executor
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...model.options import TrainerOptions
from ..artifacts import Artifacts
from ..normalization import check_transformed
from ..starting_model.properties import EXAMPLES_DIGEST, STARTING_MODEL
from .overrides import with_overrides
from .start import EXAMPLES, FROM_MODEL, STARTED_FROM


class Executor(tfx_executor.GenericExecutor):
    """Lets an orchestrator change hyperparameters when it starts a run.

    Orchestrators pass parameters of a run as whole execution properties, and TFX's `custom_config` is one, with all
    hyperparameters in it. So each of them may come as an execution property too, and then wins.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs `run_fn`.

        Args:
            input_dict: The inputs of TFX's Trainer.
            output_dict: The outputs of TFX's Trainer.
            exec_properties: Those of TFX's Trainer, and `trainer_OPTION` for any option of `TrainerOptions`.

        Raises:
            SettingError: An option cannot be used, or the examples were read in another normalization.
        """
        given = json_utils.loads(exec_properties[specs.CUSTOM_CONFIG_KEY])
        config = with_overrides(given, exec_properties)
        # An orchestrator's values have not been checked yet.
        TrainerOptions.from_config(config["trainer"])
        check_transformed(input_dict.get(specs.EXAMPLES_KEY, []), config)
        for base in input_dict.get(specs.BASE_MODEL_KEY, []):
            if base.has_custom_property(STARTING_MODEL):
                config[STARTED_FROM] = base.get_string_custom_property(STARTING_MODEL)
        for artifact in [*input_dict.get(specs.BASE_MODEL_KEY, []), *input_dict.get(specs.EXAMPLES_KEY, [])]:
            if artifact.has_custom_property(EXAMPLES_DIGEST):
                config[EXAMPLES] = artifact.get_string_custom_property(EXAMPLES_DIGEST)
            if artifact.has_custom_property(STARTING_MODEL):
                config[FROM_MODEL] = bool(artifact.get_string_custom_property(STARTING_MODEL))
        if config.get(STARTED_FROM) == "":
            # Its folder is empty, and object storage has no empty folders.
            input_dict = {key: value for key, value in input_dict.items() if key != specs.BASE_MODEL_KEY}
        super().Do(input_dict, output_dict, {**exec_properties, specs.CUSTOM_CONFIG_KEY: json_utils.dumps(config)})
