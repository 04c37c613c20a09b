"""TFMA metrics of a masked language model, from the sums that the model returns for each sentence.

The model's `evaluate` signature reduces each sentence to a few floats, so no logits travel through Beam, and
because only sums are combined, batch size, sharding and merge order do not matter.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma

from ...exported.scores import PairedSums, ScoreSums
from ...exported.sums import MODEL_OUTPUTS
from ...transform.preprocessing import TEXT as TEXT_FEATURE
from .extremes import Extremes

# The metrics of a model, from its sums.
METRICS: dict[str, Callable[[ScoreSums], float]] = {
    "nll_nats": lambda score: score.totals.nll,
    "tokens": lambda score: score.totals.tokens,
    "sentences": lambda score: score.totals.sentences,
    "bytes": lambda score: score.totals.bytes,
    "oov_tokens": lambda score: score.totals.oov_tokens,
    "truncated_tokens": lambda score: score.totals.truncated_tokens,
    "context_tokens": lambda score: score.totals.context_tokens,
    "cross_entropy": lambda score: score.totals.cross_entropy,
    "perplexity": lambda score: score.totals.perplexity,
    "perplexity_ci95_low": lambda score: score.perplexity_ci95[0],
    "perplexity_ci95_high": lambda score: score.perplexity_ci95[1],
    "perplexity_without_oov": lambda score: score.totals.perplexity_without_oov,
    "bits_per_byte": lambda score: score.totals.bits_per_byte,
    "bits_per_byte_ci95_low": lambda score: score.bits_per_byte_ci95[0],
    "bits_per_byte_ci95_high": lambda score: score.bits_per_byte_ci95[1],
    "oov_rate": lambda score: score.totals.oov_rate,
    "truncation_rate": lambda score: score.totals.truncation_rate,
}

# The metrics of a candidate and its baseline, from their sums. Shares of the baseline; above 0 is worse.
PAIRED_METRICS: dict[str, Callable[[PairedSums], float]] = {
    "bits_per_byte_change": lambda pair: pair.change("bits_per_byte").relative,
    "bits_per_byte_change_lower95": lambda pair: pair.change("bits_per_byte").lower,
    "bits_per_byte_change_upper95": lambda pair: pair.change("bits_per_byte").upper,
    "perplexity_change": lambda pair: pair.change("perplexity").relative,
    "perplexity_change_lower95": lambda pair: pair.change("perplexity").lower,
    "perplexity_change_upper95": lambda pair: pair.change("perplexity").upper,
}

# JSON of `Extremes`: the sentences that got worse and better the most, or the hardest and the easiest.
EXTREMES = "extreme_sentences"

# The raw lines among the predictions of our extracts, bytes `[sentences]`, and what came before them, if they have it.
TEXT = "text"
CONTEXT = "context"


def metric_key(name: str, model_name: str = "") -> tfma.metrics.MetricKey:
    """Returns the key under which TFMA keeps one of the metrics.

    `example_weighted` is None because the token counts are the only weights.
    """
    return tfma.metrics.MetricKey(name=name, model_name=model_name, example_weighted=None)


class MaskedLanguageModelMetrics(tfma.metrics.Metric):
    """All metrics at once, for each model and slice, and for the pair if there is a baseline.

    Use it in an `EvalConfig` by class name and module; `eval_config.eval_config` does. TFX's own Evaluator computes
    them as well. An extract may hold any number of sentences. Losses are in nats, summed in float64. A slice without
    tokens gives NaN, never 0 or 1; infinite and NaN losses show in the result.
    """

    def __init__(self, name: str = "masked_language_model", same_tokens: bool = True) -> None:
        """Makes the metrics.

        Args:
            name: TFMA's name of the group; the metrics have the names in this file.
            same_tokens: Whether candidate and baseline read the same tokens. If not, the changes of the perplexity
                are NaN, since a model that knows fewer words would look better.
        """
        super().__init__(_computations, name=name, same_tokens=same_tokens)


def _computations(
    name: str, same_tokens: bool, model_names: list[str] | None = None
) -> tfma.metrics.MetricComputations:
    del name
    names = model_names or [""]
    (candidate, *_) = [name for name in names if name != tfma.BASELINE_KEY]
    baseline = tfma.BASELINE_KEY if tfma.BASELINE_KEY in names else None
    combiners: list[SumsCombineFn] = [ScoreCombineFn(model_name) for model_name in names]
    if baseline is not None:
        combiners.append(PairedCombineFn(candidate, baseline, same_tokens))
    combiners.append(ExtremesCombineFn(candidate, baseline))
    # TFMA's own extractors leave the raw lines among the features.
    with_text = tfma.metrics.FeaturePreprocessor(feature_keys=[TEXT_FEATURE])
    return [
        tfma.metrics.MetricComputation(keys=combiner.keys, preprocessors=[with_text], combiner=combiner)
        for combiner in combiners
    ]


class SumsCombineFn(beam.CombineFn, abc.ABC):
    """Adds sums of one type over extracts.

    Args:
        sums: The type: `sums()` is empty, `+` adds, `merge` adds many.
        keys: The metrics derived from it.
    """

    def __init__(self, sums: Any, keys: list[tfma.metrics.MetricKey]) -> None:
        self._sums = sums
        self.keys = keys

    def create_accumulator(self) -> Any:
        """Returns the empty sum."""
        return self._sums()

    def add_input(self, accumulator: Any, element: tfma.metrics.StandardMetricInputs) -> Any:
        """Adds the sentences of one extract."""
        return accumulator + self.sums_of(element)

    @abc.abstractmethod
    def sums_of(self, element: tfma.metrics.StandardMetricInputs) -> Any:
        """Returns the sums of one extract."""

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        """Adds partial sums; the iterable may be readable only once."""
        return self._sums.merge(accumulators)


class ScoreCombineFn(SumsCombineFn):
    """Adds the `evaluate` outputs of one model."""

    def __init__(self, model_name: str = "") -> None:
        """Args: model_name: The model whose predictions are added; "" if there is only one."""
        super().__init__(ScoreSums, [metric_key(metric, model_name) for metric in METRICS])
        self._model_name = model_name

    def sums_of(self, element: tfma.metrics.StandardMetricInputs) -> ScoreSums:
        """Returns the sums of one extract."""
        return ScoreSums.from_outputs(_outputs(element, self._model_name))

    def extract_output(self, accumulator: ScoreSums) -> dict[tfma.metrics.MetricKey, Any]:
        """Returns the metrics as float64 scalars.

        They are NumPy's because TFMA squares them, which raises an OverflowError for a Python float if the perplexity
        explodes.
        """
        return _values(self.keys, METRICS, accumulator)


class PairedCombineFn(SumsCombineFn):
    """Adds the differences between two models' outputs."""

    def __init__(self, candidate: str, baseline: str, same_tokens: bool) -> None:
        """Makes the CombineFn.

        Args:
            candidate: The candidate's name in the predictions.
            baseline: The baseline's.
            same_tokens: See `MaskedLanguageModelMetrics`.
        """
        super().__init__(PairedSums, [metric_key(metric, candidate) for metric in PAIRED_METRICS])
        self._names = (candidate, baseline)
        self._same_tokens = same_tokens

    def sums_of(self, element: tfma.metrics.StandardMetricInputs) -> PairedSums:
        """Returns the sums of one extract."""
        return PairedSums.from_outputs(*(_outputs(element, name) for name in self._names))

    def extract_output(self, accumulator: PairedSums) -> dict[tfma.metrics.MetricKey, Any]:
        """Returns the metrics as float64 scalars."""
        values = _values(self.keys, PAIRED_METRICS, accumulator)
        if self._same_tokens:
            return values
        return {key: np.float64("nan") if "perplexity" in key.name else value for key, value in values.items()}


class ExtremesCombineFn(SumsCombineFn):
    """Keeps the sentences that stand out most."""

    def __init__(self, candidate: str = "", baseline: str | None = None) -> None:
        """Args: candidate: The candidate's name in the predictions. baseline: The baseline's, or None."""
        super().__init__(Extremes, [metric_key(EXTREMES, candidate)])
        self._names = (candidate,) if baseline is None else (candidate, baseline)

    def sums_of(self, element: tfma.metrics.StandardMetricInputs) -> Extremes:
        """Returns the extremes of one extract."""
        outputs = [_outputs(element, name) for name in self._names]
        candidate, *baseline = outputs
        contexts = candidate.get(CONTEXT)
        return Extremes.from_outputs(_texts(element, candidate), candidate, baseline[0] if baseline else None, contexts)

    def extract_output(self, accumulator: Extremes) -> dict[tfma.metrics.MetricKey, Any]:
        """Returns the metric, a JSON text."""
        return {self.keys[0]: accumulator.as_json()}


def _values(
    keys: list[tfma.metrics.MetricKey], metrics: Mapping[str, Callable[[Any], float]], sums: Any
) -> dict[tfma.metrics.MetricKey, Any]:
    return {key: np.float64(metrics[key.name](sums)) for key in keys}


def _texts(element: tfma.metrics.StandardMetricInputs, outputs: Mapping[str, Any]) -> np.ndarray:
    """Returns the raw lines, bytes `[sentences]`, from the outputs (our extractor) or the features (TFMA's)."""
    if TEXT in outputs:
        return outputs[TEXT]
    given = (element.get_features() or {}).get(TEXT_FEATURE)
    # A sparse value if an Example of the batch has no text.
    values = np.ravel(getattr(given, "values", given)) if given is not None else np.array([])
    missing = np.full(np.size(outputs[MODEL_OUTPUTS[0]]), b"", object)
    return values if values.size == missing.size else missing


def _outputs(element: tfma.metrics.StandardMetricInputs, model_name: str) -> Mapping[str, Any]:
    outputs = element.get_predictions(model_name=model_name)
    if not isinstance(outputs, dict):
        raise ValueError(
            f"predictions of model {model_name!r} are a {type(outputs).__name__}, not a dictionary; "
            "set the model spec's signature_name to `evaluate`"
        )
    return outputs
