"""ServingCheck: the TFX component that serves a model before it is pushed, instead of InfraValidator."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ..checked_arguments import checked_arguments
from ..examples import EVALUATED_SPLITS
from .executor import Executor
from .options import ServingCheckOptions

DEFAULTS = ServingCheckOptions()


class ServingCheckSpec(types.ComponentSpec):
    """Inputs, outputs and properties; see `ServingCheck`."""

    PARAMETERS = {  # noqa: RUF012 (TFX's interface)
        "max_latency_ms": component_spec.ExecutionParameter(type=float),
        "timeout_seconds": component_spec.ExecutionParameter(type=float),
        specs.EXAMPLE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {specs.BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}  # noqa: RUF012


class ServingCheck(base_component.BaseComponent):
    """Serves the model in a fresh process with TensorFlow alone and blesses it if it answers as evaluated.

    It needs neither Docker nor a model server. Its output has the type of TFX's InfraValidator, so TFX's Pusher
    accepts it; if the Pusher gets no `model`, it pushes the blessing's copy, which has warm-up requests. See README.md.

    Outputs:
        blessing: an `InfraBlessing`.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        *,
        max_latency_ms: float | RuntimeParameter = DEFAULTS.max_latency_ms,
        timeout_seconds: float | RuntimeParameter = DEFAULTS.timeout_seconds,
        example_splits: Sequence[str] | None = None,
    ) -> None:
        """Builds the component; its node id is `ServingCheck`.

        Args:
            model: The `Model`, with the signatures that the Trainer exports.
            examples: Raw `Examples` with the feature `text`; the first 256 of the splits are scored.
            max_latency_ms: Longest time that 19 of 20 requests of a single sentence may take.
            timeout_seconds: Longest time of the whole process, TensorFlow's import included.
            example_splits: The splits to take sentences from; None: `eval`.

        Raises:
            SettingError: If a limit is not a number above 0. A run checks the values of its RuntimeParameters.
        """
        limits = {"max_latency_ms": max_latency_ms, "timeout_seconds": timeout_seconds}
        super().__init__(
            spec=ServingCheckSpec(
                model=model,
                examples=examples,
                **checked_arguments(ServingCheckOptions, limits),
                example_splits=json_utils.dumps(list(EVALUATED_SPLITS if example_splits is None else example_splits)),
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
        self.with_id("ServingCheck")
