"""Evaluator of a masked language model: TFX's own, with our metrics, gate and inference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...exported.gate_options import GateOptions
from ..checked_arguments import checked_arguments
from ..examples import EVALUATED_SPLITS
from .executor import SLICES_KEY, Executor

_OPTIONS: Any = GateOptions.model_fields


class MaskedEvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and properties; the names are those of TFX's Evaluator and of `GateOptions`."""

    PARAMETERS = {  # noqa: RUF012, as TFX declares it
        "max_perplexity": component_spec.ExecutionParameter(type=float, optional=True),
        "max_bits_per_byte": component_spec.ExecutionParameter(type=float, optional=True),
        "max_unknown": component_spec.ExecutionParameter(type=float, optional=True),
        "criterion": component_spec.ExecutionParameter(type=str),
        "tolerance": component_spec.ExecutionParameter(type=float, optional=True),
        SLICES_KEY: component_spec.ExecutionParameter(type=str),
        "slice_tolerance": component_spec.ExecutionParameter(type=float, optional=True),
        "slice_min_sentences": component_spec.ExecutionParameter(type=int),
        specs.EXAMPLE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012, as TFX declares it
        specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        specs.BASELINE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012, as TFX declares it
        specs.EVALUATION_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        specs.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class MaskedEvaluator(base_beam_component.BaseBeamComponent):
    """Scores the raw sentences with the exported model and blesses it if the gate's conditions hold.

    See README.md.

    Outputs:
        evaluation: a `ModelEvaluation` with all metrics and the verdict.
        blessing: a `ModelBlessing`. Both have the custom properties `perplexity`, `bits_per_byte`, `tokens` and
            `blessed`.
    """

    SPEC_CLASS = MaskedEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None = None,
        *,
        max_perplexity: float | RuntimeParameter | None = _OPTIONS["max_perplexity"].default,
        max_bits_per_byte: float | RuntimeParameter | None = _OPTIONS["max_bits_per_byte"].default,
        max_unknown: float | RuntimeParameter | None = _OPTIONS["max_unknown"].default,
        criterion: str | RuntimeParameter = _OPTIONS["criterion"].default,
        tolerance: float | RuntimeParameter | None = _OPTIONS["tolerance"].default,
        slices: Sequence[str] = _OPTIONS["slices"].default,
        slice_tolerance: float | RuntimeParameter | None = _OPTIONS["slice_tolerance"].default,
        slice_min_sentences: int | RuntimeParameter = _OPTIONS["slice_min_sentences"].default,
        example_splits: Sequence[str] | None = None,
    ) -> None:
        """Builds the component; its node id is `Evaluator`.

        Args:
            examples: Raw `Examples` with the feature `text`, not transformed ones, since the model contains its
                transform.
            model: The candidate `Model`, with the signature `evaluate`.
            baseline_model: The `Model` to compare with; the channel may be empty.
            max_perplexity: Largest perplexity per token; None: no bound. One of the two bounds must be given.
            max_bits_per_byte: Largest number of bits per byte; None: no bound.
            max_unknown: Largest share of unknown words among the scored tokens; None: no bound.
            criterion: The score that is compared: `bits_per_byte`, or `perplexity` if both models have the same
                tokenizer and vocabulary.
            tolerance: How much worse than the baseline the candidate may be, as a share: 0.005 is 0.5 %. 0: it must
                be shown to be better. None: the comparison is no condition.
            slices: Features to slice the scores by: `sentence_length`, `unknown_words`, or raw features of the
                examples.
            slice_tolerance: How much worse it may be in a slice, as a share. None: slices are only reported.
            slice_min_sentences: Number of sentences that a slice must have to count.
            example_splits: Splits that are scored; None: `eval`.

        Raises:
            SettingError: If a value is out of range. A run checks the values of its RuntimeParameters.
        """
        arguments = checked_arguments(
            GateOptions,
            {
                "max_perplexity": max_perplexity,
                "max_bits_per_byte": max_bits_per_byte,
                "max_unknown": max_unknown,
                "criterion": criterion,
                "tolerance": tolerance,
                SLICES_KEY: slices,
                "slice_tolerance": slice_tolerance,
                "slice_min_sentences": slice_min_sentences,
            },
        )
        super().__init__(
            spec=MaskedEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                **{**arguments, SLICES_KEY: json.dumps(list(arguments[SLICES_KEY]))},
                example_splits=json_utils.dumps(list(EVALUATED_SPLITS if example_splits is None else example_splits)),
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
        self.with_id("Evaluator")
