"""Report: the TFX component that writes the report of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from .artifact import HTML
from .executor import CONFIG_KEY, REPORT_KEY, Executor


class ReportSpec(types.ComponentSpec):
    """Inputs, outputs and properties."""

    PARAMETERS = {  # noqa: RUF012, as TFX declares it
        CONFIG_KEY: component_spec.ExecutionParameter(type=str),
        specs.EXAMPLE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012, as TFX declares it
        specs.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        specs.BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        specs.MODEL_RUN_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        specs.TRANSFORM_GRAPH_KEY: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        specs.ANOMALIES_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies, optional=True),
        specs.TUNER_RESULTS_KEY: component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
    }
    OUTPUTS = {REPORT_KEY: component_spec.ChannelParameter(type=HTML)}  # noqa: RUF012, as TFX declares it


class Report(base_beam_component.BaseBeamComponent):
    """Writes one HTML page: the verdict, the scores, the training, the data, the sentences and the sources.

    See README.md.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        evaluation: types.BaseChannel,
        model: types.BaseChannel,
        model_run: types.BaseChannel,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        baseline_model: types.BaseChannel | None = None,
        anomalies: types.BaseChannel | None = None,
        tuner_results: types.BaseChannel | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        example_splits: Sequence[str] | None = None,
    ) -> None:
        """Builds the component; its node id is `Report`.

        Args:
            evaluation: The Evaluator's `ModelEvaluation`, with its verdict.
            model: The candidate `Model`, with the signature `score`. The page uses its tokenizer, lower
                case and `max_length`.
            model_run: The Trainer's `ModelRun`, with its TensorBoard events.
            examples: Raw `Examples` with the feature `text`.
            transform_graph: The `TransformGraph`; its vocabulary is read.
            baseline_model: The `Model` that the Evaluator compared with; the channel may be empty.
            anomalies: The `ExampleAnomalies` of a DriftValidator.
            tuner_results: The `TunerResults` of a MaskedTuner, whose trials the page shows.
            config: The run's configuration as the page shows it; JSON values.
            example_splits: Splits whose text is counted; None: all.
        """
        super().__init__(
            spec=ReportSpec(
                evaluation=evaluation,
                model=model,
                baseline_model=baseline_model,
                model_run=model_run,
                examples=examples,
                transform_graph=transform_graph,
                anomalies=anomalies,
                tuner_results=tuner_results,
                config=json.dumps(dict(config or {})),
                example_splits=json_utils.dumps(None if example_splits is None else list(example_splits)),
                report=types.Channel(type=HTML),
            )
        )
        self.with_id("Report")
