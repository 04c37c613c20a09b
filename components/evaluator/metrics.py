"""TFMA metrics of a masked language model, added from the per-sentence sums that the model itself returns.

The model's `evaluate` signature reduces each sentence to a few floats, so no logits travel through Beam, and
because only sums are combined, batch size, sharding and merge order do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from .sums import EvaluationSums

# Metric name -> attribute of EvaluationSums.
METRICS = {
    "nll_nats": "nll",
    "tokens": "tokens",
    "sentences": "sentences",
    "bytes": "bytes",
    "oov_tokens": "oov_tokens",
    "truncated_tokens": "truncated_tokens",
    "cross_entropy": "cross_entropy",
    "perplexity": "perplexity",
    "perplexity_without_oov": "perplexity_without_oov",
    "bits_per_byte": "bits_per_byte",
    "oov_rate": "oov_rate",
    "truncation_rate": "truncation_rate",
}


def metric_key(name: str, model_name: str = "") -> tfma.metrics.MetricKey:
    """The key under which TFMA keeps one of `METRICS`.

    `example_weighted` is None because a token count is the only weight there is, and because TFMA looks up the
    thresholds of a `MetricsSpec` under just such a key.
    """
    return tfma.metrics.MetricKey(name=name, model_name=model_name, example_weighted=None)


class MaskedLanguageModelMetrics(tfma.metrics.Metric):
    """All of `METRICS` at once, for each model and slice.

    Use it in an `EvalConfig` by class name and module; `gate.eval_config` does. Losses are in nats, summed in
    float64. A slice without tokens gives NaN, never 0 or 1; infinite and NaN losses show in the result.
    """

    def __init__(self, name: str = "masked_language_model") -> None:
        """Args: name: TFMA's name of the group; the metrics themselves have the names of `METRICS`."""
        super().__init__(_computations, name=name)


def _computations(name: str, model_names: list[str] | None = None) -> tfma.metrics.MetricComputations:
    del name
    return [
        tfma.metrics.MetricComputation(
            keys=[metric_key(metric, model_name) for metric in METRICS],
            preprocessors=None,
            combiner=SumsCombineFn(model_name),
        )
        for model_name in model_names or [""]
    ]


class SumsCombineFn(beam.CombineFn):
    """Adds the `evaluate` outputs of one model."""

    def __init__(self, model_name: str = "") -> None:
        """Args: model_name: The model whose predictions are added; "" where there is only one."""
        self._model_name = model_name

    def create_accumulator(self) -> EvaluationSums:
        """The empty sum."""
        return EvaluationSums()

    def add_input(self, accumulator: EvaluationSums, element: tfma.metrics.StandardMetricInputs) -> EvaluationSums:
        """Adds one sentence."""
        outputs = element.get_predictions(model_name=self._model_name)
        if not isinstance(outputs, dict):
            raise ValueError(
                f"predictions of model {self._model_name!r} are a {type(outputs).__name__}, not a dictionary; "
                "set the model spec's signature_name to `evaluate`"
            )
        return accumulator + EvaluationSums.from_outputs(outputs)

    def merge_accumulators(self, accumulators: Iterable[EvaluationSums]) -> EvaluationSums:
        """Adds partial sums; the iterable may be readable only once."""
        return EvaluationSums.merge(accumulators)

    def extract_output(self, accumulator: EvaluationSums) -> dict[tfma.metrics.MetricKey, Any]:
        """All metrics of the sum, as float64 scalars.

        They are NumPy's and not Python's, because TFMA squares their differences for the confidence intervals, and
        an exploded perplexity would end a Python float with an OverflowError.
        """
        return {
            metric_key(metric, self._model_name): np.float64(getattr(accumulator, attribute))
            for metric, attribute in METRICS.items()
        }
