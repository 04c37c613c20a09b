"""The serving check as a TFX component, in the place of InfraValidator."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import component_spec, standard_artifacts

from . import executor


class ServingCheckSpec(types.ComponentSpec):
    """Inputs, outputs and properties; see `ServingCheck`."""

    PARAMETERS = {  # noqa: RUF012 (TFX's interface)
        "max_latency_ms": component_spec.ExecutionParameter(type=float),
        "timeout_seconds": component_spec.ExecutionParameter(type=float),
        "example_split": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # noqa: RUF012
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}  # noqa: RUF012


class ServingCheck(base_component.BaseComponent):
    """Serves the model in a fresh process with TensorFlow alone and blesses it if it answers as evaluated.

    It needs neither Docker nor a model server. Its output is what TFX's InfraValidator gives, so that TFX's Pusher
    honours it; where the Pusher gets no `model`, it pushes the blessing's copy, which has warm-up requests. See
    README.md beside this file.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        max_latency_ms: float = 500.0,
        timeout_seconds: float = 300.0,
        example_split: str = "eval",
    ) -> None:
        """Builds the component; its node id is `ServingCheck`.

        Args:
            model: The `Model`, with the signatures that the Trainer exports.
            examples: Raw `Examples` with the feature `text`; the first 256 of the split are scored.
            max_latency_ms: Longest time that 19 of 20 requests of a single sentence may take.
            timeout_seconds: Longest time of the whole process, TensorFlow's import included.
            example_split: The split whose sentences are taken.

        Raises:
            ValueError: If a limit is not above 0.
        """
        for name, limit in (("max_latency_ms", max_latency_ms), ("timeout_seconds", timeout_seconds)):
            if not limit > 0:
                raise ValueError(f"{name}={limit}: must be above 0")
        spec = ServingCheckSpec(
            model=model,
            examples=examples,
            max_latency_ms=float(max_latency_ms),
            timeout_seconds=float(timeout_seconds),
            example_split=example_split,
            blessing=types.Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
