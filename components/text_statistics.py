"""Statistics of text: TFX's StatisticsGen, which does not hold each distinct line in memory here."""

from __future__ import annotations

from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components.statistics_gen import executor
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base import executor_spec
from tfx.types import standard_component_specs as specs

from .artifacts import Artifacts


class Executor(executor.Executor):
    """TFX's, with the most frequent values and the number of distinct ones estimated.

    Most lines of a text occur once, so that exact counts of them hold the whole text in memory. The options are no
    execution property: their JSON is another for each version of TensorFlow Data Validation, and so would be the key
    of TFX's cache.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Computes the statistics; see TFX's executor."""
        options = tfdv.StatsOptions(use_sketch_based_topk_uniques=True)
        super().Do(input_dict, output_dict, {**exec_properties, specs.STATS_OPTIONS_JSON_KEY: options.to_json()})


class TextStatistics(StatisticsGen):
    """TFX's component with `Executor`."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
