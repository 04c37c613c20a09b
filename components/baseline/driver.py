"""Driver of Baseline: looks up the served model before the cache, so that it is part of the cache's key."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils
from tfx.orchestration.portable import base_driver as portable_base_driver
from tfx.proto.orchestration import driver_output_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from ..model_path import model_path
from .served import SERVED_MODEL_KEY, served_model


class Driver(base_driver.BaseDriver, portable_base_driver.BaseDriver):
    """Adds the execution property `served_model`.

    TFX's runners require the first base class and call the second. An `InteractiveContext`, in a notebook, calls the
    first.
    """

    def __init__(self, metadata_handle: Any) -> None:
        """Args: metadata_handle: The connection to ML Metadata; not used."""
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: Any) -> Any:
        """Runs before the cache look-up.

        Args:
            execution_info: The node's inputs and execution properties.

        Returns:
            TFX's `DriverOutput`: the execution properties, including `served_model`.
        """
        properties = {
            **execution_info.exec_properties,
            SERVED_MODEL_KEY: find_served(execution_info.input_dict, execution_info.exec_properties),
        }
        result = driver_output_pb2.DriverOutput()
        for name, value in properties.items():
            if value is not None:
                data_types_utils.set_metadata_value(result.exec_properties[name], value)
        return result

    def pre_execution(
        self,
        input_dict: dict[str, Any],
        output_dict: dict[str, Any],
        exec_properties: dict[str, Any],
        driver_args: Any,
        pipeline_info: Any,
        component_info: Any,
    ) -> Any:
        """Does the same as `run`, for an `InteractiveContext`; arguments and result are TFX's."""
        inputs = self.resolve_input_artifacts(input_dict, exec_properties, driver_args, pipeline_info)
        properties = {**exec_properties, SERVED_MODEL_KEY: find_served(inputs, exec_properties)}
        return super().pre_execution(input_dict, output_dict, properties, driver_args, pipeline_info, component_info)


def find_served(input_dict: dict[str, list[Any]], exec_properties: dict[str, Any]) -> str:
    """Returns the folder of the served model, or "" without one.

    Args:
        input_dict: The node's inputs, with the candidate `model`.
        exec_properties: The node's properties, with `push_destination`.
    """
    candidate = artifact_utils.get_single_instance(input_dict[specs.MODEL_KEY])
    return served_model(exec_properties[specs.PUSH_DESTINATION_KEY], model_path(candidate))
