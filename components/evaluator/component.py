"""The Evaluator of a masked language model: TFX's own, with our metrics, gate and inference put in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...exported.gate import Gate
from ...exported.slices import SENTENCE_LENGTH, UNKNOWN_WORDS
from .executor import GATE_KEY, SLICES_KEY, Executor


class MaskedEvaluatorSpec(types.ComponentSpec):
    """Inputs, outputs and properties; the names are those of TFX's Evaluator."""

    PARAMETERS = {  # noqa: RUF012, as TFX declares it
        GATE_KEY: component_spec.ExecutionParameter(type=str),
        SLICES_KEY: component_spec.ExecutionParameter(type=str),
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

    See README.md beside this file.
    """

    SPEC_CLASS = MaskedEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None = None,
        slices: Sequence[str] = (SENTENCE_LENGTH, UNKNOWN_WORDS),
        example_splits: Sequence[str] = ("eval",),
        **gate: Any,
    ) -> None:
        """Builds the component; its node id is `Evaluator`.

        Args:
            examples: Raw `Examples` with the feature `text`; not the transformed ones, since the model brings its
                own transform.
            model: The candidate `Model`, with the signature `evaluate`.
            baseline_model: The `Model` to compare with; the channel may be empty.
            slices: By what the scores are also reported and watched: `sentence_length`, `unknown_words`, or raw
                features of the examples.
            example_splits: Splits that are scored.
            **gate: The arguments of `gate.Gate`.

        Raises:
            ValueError: If no upper bound is given, a value is out of range, or a slice is named twice or is the text.
        """
        Gate(**gate)  # So that a mistake is found here and not by the executor.
        repeated = [name for name in slices if list(slices).count(name) > 1]
        if repeated or "text" in slices:
            raise ValueError(
                f"gate.slices={list(slices)}: each must be named once, and the text itself is none: every sentence "
                "would be a slice"
            )
        super().__init__(
            spec=MaskedEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                gate=json.dumps(gate, sort_keys=True),
                slices=json.dumps(list(slices)),
                example_splits=json_utils.dumps(list(example_splits)),
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
        self.with_id("Evaluator")
