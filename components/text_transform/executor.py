"""Executor of TextTransform: TFX's, with Examples in blocks."""

from __future__ import annotations

from typing import Any

from tfx.components.transform import executor

from ..artifacts import Artifacts
from .compat import BlockProcessor, do_with

_do = do_with(BlockProcessor)


class Executor(executor.Executor):
    """TFX's Transform; its Beam steps take lists of Examples, where TFX's take each Example alone."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Runs the component; see TFX's executor.

        Args:
            input_dict: `examples` and `schema`; optionally `analyzer_cache`.
            output_dict: `transform_graph`, `transformed_examples` and `updated_analyzer_cache`.
            exec_properties: As in TFX.
        """
        _do(self, input_dict, output_dict, exec_properties)
