"""Runtime parameters, which an orchestrator sets when it starts a run of a compiled pipeline."""

from __future__ import annotations

from typing import Any

from tfx.orchestration import data_types
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.types import standard_component_specs as specs

from ...components.text_example_gen.component import TextExampleGen
from ...components.text_example_gen.spans import SPANS_KEY
from ...components.trainer.component import MaskedTrainer
from ...components.trainer.overrides import property_of
from ...components.tuner.component import MaskedTuner
from ..config import PipelineConfig
from .run_parameters import DATA_PATH, DATA_SPANS


def add_runtime_parameters(pipeline: tfx_pipeline.Pipeline, config: PipelineConfig) -> dict[str, Any]:
    """Turns the folder of the data, the spans and each number of the `trainer` section into a runtime parameter.

    The spans (`data_spans`) are one only if patterns have markers. With `tuner.trials`, options that are tried are no
    parameters, since the Tuner decides them; the others are those of its trials, too.

    The defaults are the values of the configuration.

    Args:
        pipeline: From `create_pipeline`; changed in place.
        config: The configuration that it was made from.

    Returns:
        The parameters by name with their defaults: `{"data_path": "gs://bucket/corpus", "trainer_epochs": 10, ...}`.
    """
    defaults: dict[str, Any] = {}

    def parameter(name: str, default: Any) -> Any:
        defaults[name] = default
        return data_types.RuntimeParameter(name=name, ptype=type(default), default=default)

    tried = config.tuner.space if config.tuner.trials else {}
    for node in pipeline.components:
        properties = node.exec_properties
        if isinstance(node, TextExampleGen):
            properties[specs.INPUT_BASE_KEY] = parameter(DATA_PATH, properties[specs.INPUT_BASE_KEY])
            if SPANS_KEY in properties:
                properties[SPANS_KEY] = parameter(DATA_SPANS, properties[SPANS_KEY])
        elif isinstance(node, MaskedTrainer | MaskedTuner):
            for name, value in config.trainer.options().model_dump().items():
                if type(value) in (int, float) and name not in tried:
                    properties[property_of(name)] = parameter(property_of(name), value)
    return defaults
