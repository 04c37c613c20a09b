"""CheckParameters: the first node on Kubeflow, which refuses bad parameters of a run before any work."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec

from ...components.artifacts import Artifacts
from ..nodes.run_parameters import check_run_parameters


class Executor(base_executor.BaseExecutor):
    """Executor of `CheckParameters`."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Checks the parameters.

        Args:
            input_dict: Nothing.
            output_dict: Nothing.
            exec_properties: The parameters of the run by name.

        Raises:
            ConfigurationError: Names the parameters that cannot be used.
        """
        check_run_parameters(exec_properties)


class CheckParametersSpec(types.ComponentSpec):
    """It has no inputs and outputs; its properties are set by name."""

    PARAMETERS = {}  # noqa: RUF012
    INPUTS = {}  # noqa: RUF012
    OUTPUTS = {}  # noqa: RUF012


class CheckParameters(base_component.BaseComponent):
    """Fails if a parameter of the run cannot be used; its node id is `CheckParameters`.

    Kubeflow itself knows only their types, and otherwise the Trainer would be the first to look at its own. The node
    has all parameters, so that those that read data have none of the others', and stay in Kubeflow's cache.
    """

    SPEC_CLASS = CheckParametersSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Builds the component.

        Args:
            parameters: RuntimeParameters by name, and values that are not checked.
        """
        super().__init__(spec=CheckParametersSpec())
        self.spec.exec_properties.update(parameters)
        self.with_id("CheckParameters")
