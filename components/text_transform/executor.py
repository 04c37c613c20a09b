"""Executor of TextTransform: TFX's, with Examples in blocks, and perhaps with the vocabulary of a model."""

from __future__ import annotations

from typing import Any

from tfx.components.transform import executor
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...transform.options import TextOptions
from ..artifacts import Artifacts
from ..empty_folder import empty_folders
from ..model_path import holds_model, model_path
from ..normalization import check_normalization, record_normalization
from ..starting_model.find import examples_digest
from ..starting_model.properties import EXAMPLES_DIGEST, STARTING_MODEL
from .compat import BlockProcessor, do_with
from .vocabulary_of_model import with_vocabulary

# Entry of the `custom_config`: whether the new model says what input it was trained on.
RECORD_INPUT = "record_input"

_do = do_with(BlockProcessor)


class Executor(executor.Executor):
    """TFX's Transform; its Beam steps take lists of Examples, where TFX's take each Example alone."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the component; see TFX's executor.

        Args:
            input_dict: `examples` and `schema`; optionally `analyzer_cache`, and `base_model` for its vocabulary.
            output_dict: `transform_graph`, `transformed_examples` and `updated_analyzer_cache`.
            exec_properties: As in TFX.

        Raises:
            SettingError: The model of the vocabulary has another tokenizer, or the Examples another normalization.
        """
        given = json_utils.loads(exec_properties[specs.CUSTOM_CONFIG_KEY])
        normalization = TextOptions.from_custom_config(given).normalization
        check_normalization(input_dict[specs.EXAMPLES_KEY], normalization)
        record_normalization(output_dict[specs.TRANSFORMED_EXAMPLES_KEY], normalization)
        if given.get(RECORD_INPUT):
            digest = examples_digest(input_dict[specs.EXAMPLES_KEY])
            for examples in output_dict[specs.TRANSFORMED_EXAMPLES_KEY]:
                examples.set_string_custom_property(EXAMPLES_DIGEST, digest)
        base_model = input_dict.get(specs.BASE_MODEL_KEY)
        if base_model:
            path = model_path(base_model[0]) if holds_model(base_model[0]) else None
            config = json_utils.dumps(with_vocabulary(given, path))
            exec_properties = {**exec_properties, specs.CUSTOM_CONFIG_KEY: config}
            # Without `vocabulary.from`, the model gives nothing to the new one.
            from_model = TextOptions.from_custom_config(given).vocabulary.from_ is not None
            for name in (EXAMPLES_DIGEST, STARTING_MODEL) if from_model else (EXAMPLES_DIGEST,):
                if base_model[0].has_custom_property(name):
                    for examples in output_dict[specs.TRANSFORMED_EXAMPLES_KEY]:
                        examples.set_string_custom_property(name, base_model[0].get_string_custom_property(name))
            input_dict = {key: value for key, value in input_dict.items() if key != specs.BASE_MODEL_KEY}
        empty_folders(output_dict)
        _do(self, input_dict, output_dict, exec_properties)
