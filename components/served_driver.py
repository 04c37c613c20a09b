"""Driver of a node that depends on a served model or another file: it looks there before TFX's cache does."""

from __future__ import annotations

import abc
from typing import Any

from tfx.dsl.components.base import base_driver
from tfx.orchestration import data_types_utils
from tfx.orchestration.portable import base_driver as portable_base_driver
from tfx.proto.orchestration import driver_output_pb2


class ServedDriver(base_driver.BaseDriver, portable_base_driver.BaseDriver):
    """Adds execution properties, which are a part of the cache's key.

    TFX's runners require the first base class and call the second. An `InteractiveContext`, in a notebook, calls the
    first.
    """

    def __init__(self, metadata_handle: Any) -> None:
        """Args: metadata_handle: The connection to ML Metadata; not used."""
        base_driver.BaseDriver.__init__(self, metadata_handle)
        portable_base_driver.BaseDriver.__init__(self, metadata_handle)

    @abc.abstractmethod
    def look_up(self, inputs: dict[str, list[Any]], properties: dict[str, Any]) -> dict[str, str]:
        """Returns the properties to add.

        Args:
            inputs: The node's inputs.
            properties: The node's execution properties.
        """

    def run(self, execution_info: Any) -> Any:
        """Runs before the cache look-up.

        Args:
            execution_info: The node's inputs and execution properties.

        Returns:
            TFX's `DriverOutput`: the execution properties, with those that `look_up` adds.
        """
        added = self.look_up(execution_info.input_dict, execution_info.exec_properties)
        result = driver_output_pb2.DriverOutput()
        for name, value in {**execution_info.exec_properties, **added}.items():
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
        properties = {**exec_properties, **self.look_up(inputs, exec_properties)}
        return super().pre_execution(input_dict, output_dict, properties, driver_args, pipeline_info, component_info)
