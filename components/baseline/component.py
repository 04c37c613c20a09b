"""Baseline: the TFX component that finds the model to compare a candidate with."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from ..kubeflow_run import KUBEFLOW_RUN, KUBEFLOW_RUN_KEY
from . import driver, executor


class BaselineSpec(types.ComponentSpec):
    """Inputs, outputs and properties."""

    PARAMETERS = {  # noqa: RUF012
        specs.PUSH_DESTINATION_KEY: component_spec.ExecutionParameter(type=str),
        KUBEFLOW_RUN_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012
    OUTPUTS = {executor.BASELINE_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class Baseline(base_component.BaseComponent):
    """Outputs the newest model at the push destination that is not the candidate itself; see README.md.

    Outputs:
        baseline: a `Model`; its folder is empty if no model is served.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(self, model: types.BaseChannel, push_destination: str | RuntimeParameter) -> None:
        """Builds the component; its node id is `Baseline`.

        Args:
            model: The candidate `Model`.
            push_destination: The folder that the Pusher pushes to, any path that TensorFlow reads.
        """
        super().__init__(
            spec=BaselineSpec(
                model=model,
                push_destination=push_destination,
                kubeflow_run=KUBEFLOW_RUN,
                baseline=types.Channel(type=standard_artifacts.Model),
            )
        )
        self.with_id("Baseline")
