"""BulkScore: the TFX component that scores every record of a corpus and keeps those that a condition names."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ...exported.keep import Keep
from .executor import KEEP_KEY, SCORED_EXAMPLES_KEY, Executor


class BulkScoreSpec(types.ComponentSpec):
    """Inputs, outputs and properties; see `BulkScore`."""

    PARAMETERS = {  # noqa: RUF012, as TFX declares it
        KEEP_KEY: component_spec.ExecutionParameter(type=str),
        specs.EXAMPLE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012, as TFX declares it
        specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {  # noqa: RUF012, as TFX declares it
        SCORED_EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class BulkScore(base_beam_component.BaseBeamComponent):
    """Adds the model's scores to every Example, and keeps those that fulfil a condition. See README.md.

    Outputs:
        scored_examples: `Examples` with the splits of the input, each Example with the features `lm_perplexity`,
            `lm_bits_per_byte`, `lm_log_probability` (nats), `lm_tokens`, `lm_bytes`, `lm_oov_tokens` and
            `lm_truncated_tokens` besides its own, and `lm_context_tokens` if the model reads a context.
    """

    SPEC_CLASS = BulkScoreSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        *,
        keep: str | RuntimeParameter = "",
        example_splits: Sequence[str] | None = None,
    ) -> None:
        """Builds the component; its node id is `BulkScore`.

        Args:
            examples: Raw `Examples` with the feature `text`, and `context` for a model that reads one.
            model: The `Model`, with the signature `score`.
            keep: A condition on the scores without `lm_`, such as `bits_per_byte < 2 and tokens >= 5`; empty: all
                are kept.
            example_splits: The splits that are scored; None: all.

        Raises:
            SettingError: If `keep` is not a condition. A run checks the value of a RuntimeParameter.
        """
        if not isinstance(keep, RuntimeParameter):
            Keep(keep)
        super().__init__(
            spec=BulkScoreSpec(
                examples=examples,
                model=model,
                keep=keep,
                example_splits=json_utils.dumps(None if example_splits is None else list(example_splits)),
                scored_examples=types.Channel(type=standard_artifacts.Examples),
            )
        )
        self.with_id("BulkScore")
