"""DriftValidator: the TFX component that compares a text with that of the served model."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from ..checked_arguments import checked_arguments
from .executor import Executor
from .options import DriftOptions

_OPTIONS: Any = DriftOptions.model_fields


class DriftValidatorSpec(types.ComponentSpec):
    """Inputs, outputs and properties; the names of the properties are those of `DriftOptions`."""

    PARAMETERS = {  # noqa: RUF012, as TFX declares it
        "max_tokens_change": component_spec.ExecutionParameter(type=float, optional=True),
        "max_unknown_rise": component_spec.ExecutionParameter(type=float, optional=True),
        "max_length_share_change": component_spec.ExecutionParameter(type=float, optional=True),
        "on_anomaly": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012, as TFX declares it
        specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        specs.BASE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {  # noqa: RUF012, as TFX declares it
        specs.ANOMALIES_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }


class DriftValidator(base_beam_component.BaseBeamComponent):
    """Compares the training text with the text that a model was trained on; see README.md.

    Outputs:
        anomalies: `ExampleAnomalies`, as TFX's ExampleValidator has them.
    """

    SPEC_CLASS = DriftValidatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        base_model: types.BaseChannel,
        *,
        max_tokens_change: float | RuntimeParameter | None = _OPTIONS["max_tokens_change"].default,
        max_unknown_rise: float | RuntimeParameter | None = _OPTIONS["max_unknown_rise"].default,
        max_length_share_change: float | RuntimeParameter | None = _OPTIONS["max_length_share_change"].default,
        on_anomaly: str | RuntimeParameter = _OPTIONS["on_anomaly"].default,
    ) -> None:
        """Builds the component; its node id is `DriftValidator`.

        Args:
            examples: Raw `Examples` with the feature `text` and a split `train`.
            base_model: The `Model` to compare with, the output of a StartingModel. Its folder may be empty: nothing is
                compared then.
            max_tokens_change: Largest relative change of the tokens per line; None: not watched.
            max_unknown_rise: Largest rise of the share of words that the model does not know; None: not watched.
            max_length_share_change: Largest change of the share of lines of one length; None: not watched.
            on_anomaly: `report`, or `stop`: the node fails.

        Raises:
            SettingError: An option cannot be used. A run checks the value of a RuntimeParameter.
        """
        arguments = checked_arguments(
            DriftOptions,
            {
                "max_tokens_change": max_tokens_change,
                "max_unknown_rise": max_unknown_rise,
                "max_length_share_change": max_length_share_change,
                "on_anomaly": on_anomaly,
            },
        )
        super().__init__(
            spec=DriftValidatorSpec(
                examples=examples,
                base_model=base_model,
                **arguments,
                anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
        self.with_id("DriftValidator")
