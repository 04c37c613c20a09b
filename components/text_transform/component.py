"""TextTransform: TFX's Transform with the text options and their `preprocessing_fn`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.transform import component as transform
from tfx.dsl.components.base import executor_spec
from tfx.proto import transform_pb2
from tfx.types import component_spec, standard_artifacts
from tfx.types.standard_component_specs import BASE_MODEL_KEY

from ...errors import SettingError
from ...transform.options import TextOptions
from . import driver, executor
from .vocabulary_digest import with_digest

PREPROCESSING_FN = "tfx_lm.transform.preprocessing.preprocessing_fn"


class TextTransform(transform.Transform):
    """Turns lines of text into ids. For TFX and ML Metadata it is a Transform, with the node id `Transform`.

    Inputs and outputs are those of TFX's Transform; its executor moves the Examples in blocks.

    ```python
    options = TextOptions(tokenizer="word", vocabulary={"size": 20000}, auto_limit=2048)
    transform = TextTransform(example_gen.outputs["examples"], schema_gen.outputs["schema"], options)
    ```
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        options: TextOptions | Mapping[str, Any] | None = None,
        splits_config: transform_pb2.SplitsConfig | None = None,
        analyzer_cache: types.BaseChannel | None = None,
        disable_statistics: bool = True,
        base_model: types.BaseChannel | None = None,
        record_input: bool = False,
    ) -> None:
        """Configures the component.

        Args:
            examples: Examples with the feature `text`, one line each.
            schema: The schema of the examples.
            options: The text options, or a mapping of those that differ from the defaults. Trainer and Tuner take
                the same object.
            splits_config: The splits to analyze and to transform. Default: analyze train, transform all.
            analyzer_cache: The output `updated_analyzer_cache` of an earlier run.
            disable_statistics: Whether to leave out statistics of the ids. They double the time and say nothing
                about the text, which StatisticsGen describes.
            base_model: The `Model` whose vocabulary is used with `vocabulary.from`: the output of StartingModel. If
                its folder is empty, the vocabulary is that of the corpus.
            record_input: Whether a MaskedTrainer stores the digest of the examples in its model, so that the
                StartingModel of a later run tells it from the models of other text. A `base_model` has the digest.

        Raises:
            SettingError: If an option is invalid, or `vocabulary.from` is set without a `base_model`.
        """
        parsed = TextOptions.parse(options or {})
        if parsed.vocabulary.from_ is not None and base_model is None:
            raise SettingError(
                f"{{vocabulary_from}}={parsed.vocabulary.from_}: there is no model to take it from; give base_model"
            )
        super().__init__(
            examples=examples,
            schema=schema,
            preprocessing_fn=PREPROCESSING_FN,
            custom_config=with_digest(parsed.model_dump(mode="json"))
            | ({executor.RECORD_INPUT: True} if record_input else {}),
            splits_config=splits_config,
            analyzer_cache=analyzer_cache,
            disable_statistics=disable_statistics,
        )
        if base_model is not None:
            # TFX's constructor has no such argument, and makes the specification itself.
            parameter = component_spec.ChannelParameter(type=standard_artifacts.Model)
            self.spec.INPUTS = {**self.spec.INPUTS, BASE_MODEL_KEY: parameter}
            self.spec.inputs[BASE_MODEL_KEY] = base_model
        self.with_id(transform.Transform.__name__)

    @classmethod
    def get_class_type(cls) -> str:
        """Returns the type name in ML Metadata: TFX's own, so that tools that look for a Transform find this one."""
        return transform.Transform.get_class_type()
