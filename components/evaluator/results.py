"""The Evaluator's output as plain values, and its verdict in plain words."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2

from .gate import MAX_BITS_PER_BYTE, MAX_PERPLEXITY, TOLERANCE
from .sums import exp

_BLESSED_FILE = "BLESSED"
_SUMMARY = (
    "nll_nats", "tokens", "bytes", "oov_tokens", "truncated_tokens", "perplexity", "perplexity_without_oov",
    "bits_per_byte",
)  # fmt: skip
_BOUNDS = {"perplexity": ("perplexity", MAX_PERPLEXITY), "bits_per_byte": ("bits per byte", MAX_BITS_PER_BYTE)}

NO_BASELINE = "no baseline: the comparison was skipped"
NO_SENTENCES = "no sentences: the split that is evaluated is empty"


def summarize_evaluation(evaluation_uri: str, blessing_uri: str, split: str = "eval") -> dict[str, Any]:
    """Reads what one run of the Evaluator found.

    Args:
        evaluation_uri: Folder of the `evaluation` artifact.
        blessing_uri: Folder of the `blessing` artifact.
        split: Name of the split that was scored.

    Returns:
        `{"evaluation": .., "baseline": .., "gate": ..}`. The first two are score dictionaries; `baseline` is None
        where there was none:

            {"split": "eval", "nll_nats": 5213.2, "tokens": 901, "bytes": 4511, "oov_tokens": 12,
             "truncated_tokens": 0, "perplexity": 325.7, "perplexity_ci95": [301.2, 352.1],
             "perplexity_without_oov": 318.0, "bits_per_byte": 1.688}

        Counts are integers; a value that does not exist is NaN. `gate` is
        `{"blessed": bool, "reasons": [str, ..]}`: what was met if blessed, what was not met otherwise.
    """
    scores = _scores(evaluation_uri)
    baseline = scores.get(tfma.BASELINE_KEY)
    candidate = scores.get("") or scores.get(tfma.CANDIDATE_KEY) or {}
    evaluation = _summary(candidate, split)
    blessed = tf.io.gfile.exists(f"{blessing_uri}/{_BLESSED_FILE}")
    config = tfma.load_eval_result(evaluation_uri, model_name=next(iter(scores), "")).config
    return {
        "evaluation": evaluation,
        "baseline": None if baseline is None else _summary(baseline, split),
        "gate": {"blessed": blessed, "reasons": reasons(config, candidate, baseline, blessed)},
    }


# Metric name -> value and 95 % interval.
Scores = dict[str, tuple[float, list[float]]]


def _scores(evaluation_uri: str) -> dict[str, Scores]:
    """Value and 95 % interval of each metric over all sentences, by model name."""
    scores: dict[str, Scores] = {}
    for slice_metrics in tfma.load_metrics(evaluation_uri):
        if slice_metrics.slice_key.single_slice_keys or slice_metrics.HasField("cross_slice_key"):
            continue
        for item in slice_metrics.metric_keys_and_values:
            if not item.key.is_diff and item.value.WhichOneof("type") == "double_value":
                value = (item.value.double_value.value, _interval(item))
                scores.setdefault(item.key.model_name, {})[item.key.name] = value
    return scores


def _interval(item: metrics_for_slice_pb2.MetricKeyAndValue) -> list[float]:
    if not item.HasField("confidence_interval"):
        return [math.nan, math.nan]
    interval = item.confidence_interval
    return [interval.lower_bound.double_value.value, interval.upper_bound.double_value.value]


def _summary(scores: Scores, split: str) -> dict[str, Any]:
    missing = (math.nan, [math.nan, math.nan])
    summary: dict[str, Any] = {"split": split}
    for name in _SUMMARY:
        value, _ = scores.get(name, missing)
        if name.endswith(("tokens", "bytes")):
            summary[name] = int(value) if math.isfinite(value) else value
        else:
            summary[name] = value
        if name == "perplexity":
            # The interval of the cross entropy, exponentiated: never below 1, and as skewed as the estimate is.
            summary["perplexity_ci95"] = [exp(bound) for bound in scores.get("cross_entropy", missing)[1]]
    if not scores:
        summary |= dict.fromkeys(("tokens", "bytes", "oov_tokens", "truncated_tokens"), 0)
    return summary


def reasons(config: config_pb2.EvalConfig, candidate: Scores, baseline: Scores | None, blessed: bool) -> list[str]:
    """Says in plain words why a model was blessed or not.

    Example: `["perplexity 812.34 > gate.max_perplexity 500", "no baseline: the comparison was skipped"]`.

    Args:
        config: The Evaluator's configuration.
        candidate: The candidate's scores; empty where no sentence was scored.
        baseline: The baseline's scores, or None.
        blessed: The Evaluator's verdict.

    Returns:
        Each threshold that was met if blessed, each that was not otherwise.
    """
    if not candidate:
        return [NO_SENTENCES]
    met: list[str] = []
    failed: list[str] = []
    for name, threshold in _thresholds(config):
        value = candidate.get(name, (math.nan, []))[0]
        if threshold.HasField("value_threshold"):
            bound = threshold.value_threshold.upper_bound.value
            (met if value <= bound else failed).append(_bound_reason(name, value, bound))
        if threshold.HasField("change_threshold") and baseline is not None:
            reference = baseline.get(name, (math.nan, []))[0]
            tolerance = threshold.change_threshold.relative.value
            within = (value - reference) / reference <= tolerance if reference else False
            (met if within else failed).append(_change_reason(name, value, reference, tolerance))
    chosen = met if blessed else failed
    return [*chosen, NO_BASELINE] if baseline is None else chosen


def _thresholds(config: config_pb2.EvalConfig) -> list[tuple[str, config_pb2.MetricThreshold]]:
    return sorted(
        (
            (name, item.threshold)
            for spec in config.metrics_specs
            for name, items in spec.per_slice_thresholds.items()
            for item in items.thresholds
        ),
        key=lambda pair: list(_BOUNDS).index(pair[0]),
    )


def _bound_reason(name: str, value: float, bound: float) -> str:
    words, key = _BOUNDS[name]
    if math.isnan(value):
        return f"{words} is NaN: the model is broken or nothing was scored; {key} is {bound:.6g}"
    return f"{words} {_number(value)} {'<=' if value <= bound else '>'} {key} {bound:.6g}"


def _change_reason(name: str, value: float, reference: float, tolerance: float) -> str:
    words, _ = _BOUNDS[name]
    change = (value - reference) / reference if reference else math.nan
    baseline = f"the baseline's {_number(reference)}"
    if math.isnan(change):
        return f"{words} {_number(value)} cannot be compared with {baseline}"
    if change <= 0:
        how = f"is {-100 * change:.3g} % below" if change < 0 else "equals"
        return f"{words} {_number(value)} {how} {baseline}"
    return (
        f"{words} {_number(value)} is {100 * change:.3g} % above {baseline}; {TOLERANCE} allows {100 * tolerance:.3g} %"
    )


def _number(value: float) -> str:
    return f"{value:.5g}"
