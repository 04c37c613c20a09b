"""StartingModel: the TFX component that finds the model from which a training starts."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from ...errors import SettingError
from ..kubeflow_run import KUBEFLOW_RUN, KUBEFLOW_RUN_KEY
from . import driver, executor


class StartingModelSpec(types.ComponentSpec):
    """Inputs, outputs and properties."""

    PARAMETERS = {  # noqa: RUF012
        specs.PUSH_DESTINATION_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        driver.MODEL_PATH: component_spec.ExecutionParameter(type=str, optional=True),
        KUBEFLOW_RUN_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {specs.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples)}  # noqa: RUF012
    OUTPUTS = {specs.BASE_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model)}  # noqa: RUF012


class StartingModel(base_component.BaseComponent):
    """Outputs the newest served model that was not trained on the same input, or a model by its path; see README.md.

    Outputs:
        base_model: a `Model`; its folder is empty if no such model is served.
    """

    SPEC_CLASS = StartingModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        examples: types.BaseChannel,
        push_destination: str | RuntimeParameter | None = None,
        model_path: str | RuntimeParameter | None = None,
    ) -> None:
        """Builds the component; its node id is `StartingModel`.

        Args:
            examples: The `Examples` of the ExampleGen, so that a repeated run does not start from its own result.
            push_destination: The folder that the Pusher pushes to, any path that TensorFlow reads.
            model_path: Instead, the folder of a model, or of versions, the newest of which is taken.

        Raises:
            SettingError: Neither or both are given.
        """
        if (push_destination is None) == (model_path is None):
            raise SettingError("set exactly one of {push_destination} and {model_path}")
        super().__init__(
            spec=StartingModelSpec(
                examples=examples,
                push_destination=push_destination,
                model_path=model_path,
                kubeflow_run=KUBEFLOW_RUN,
                base_model=types.Channel(type=standard_artifacts.Model),
            )
        )
        self.with_id("StartingModel")
