"""Results of the Evaluator as plain values, and the verdict beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2
from tfx.utils import io_utils

from ...errors import escape
from ...exported.gate import Check, Verdict, conditions, decide
from ...exported.gate_options import Criterion, GateOptions
from ...exported.scores import Change
from .extremes import Extremes
from .metrics import EXTREMES, PAIRED_METRICS

# The verdict, in the folders of the evaluation and of the blessing.
VERDICT_FILE = "verdict.json"

# The split that `tfx-lm run` scores.
SPLIT = "eval"

_SUMMARY = (
    "nll_nats", "tokens", "bytes", "oov_tokens", "truncated_tokens", "perplexity", "perplexity_without_oov",
    "bits_per_byte",
)  # fmt: skip

# Metric name -> value.
Scores = dict[str, float]


class SliceResult(NamedTuple):
    """Scores of a slice.

    Attributes:
        candidate: The candidate's metrics, those of `metrics.METRICS` and `metrics.PAIRED_METRICS`.
        baseline: The baseline's `metrics.METRICS`, or None.
        extremes: The sentences that stand out most.
    """

    candidate: Scores
    baseline: Scores | None
    extremes: Extremes

    def change(self, criterion: Criterion) -> Change | None:
        """Returns the change from the baseline; None without a baseline."""
        if self.baseline is None:
            return None
        relative, lower, upper = (self.candidate[f"{criterion}_change{end}"] for end in ("", "_lower95", "_upper95"))
        return Change(relative, lower, upper, int(self.candidate["sentences"]))


def load_results(evaluation_uri: str) -> dict[str, SliceResult]:
    """Reads the metrics of an evaluation.

    Args:
        evaluation_uri: Folder of the `evaluation` artifact.

    Returns:
        By slice: "" are all sentences, others are named like `sentence_length: 0 to 10`, in the order of their
        names. Empty if no sentence was scored.
    """
    results = {}
    for item in tfma.load_metrics(evaluation_uri):
        if not item.HasField("cross_slice_key"):
            results[slice_name(item.slice_key)] = _slice_result(item)
    return {name: results[name] for name in sorted(results, key=_order)}


def slice_name(key: metrics_for_slice_pb2.SliceKey) -> str:
    """Names a slice as the reasons do: `sentence_length: 0 to 10`; "" for all sentences."""

    def value(single: Any) -> str:
        kind = single.WhichOneof("kind")
        return single.bytes_value.decode("utf-8", "replace") if kind == "bytes_value" else str(getattr(single, kind))

    return ", ".join(f"{single.column}: {value(single)}" for single in key.single_slice_keys)


def _order(name: str) -> tuple[Any, ...]:
    """Returns a sort key: numbers within a name by their value, and "over" last."""
    parts = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in name.split()]
    return (name != "", parts)


def _slice_result(item: metrics_for_slice_pb2.MetricsForSlice) -> SliceResult:
    scores: dict[str, Scores] = {}
    extremes = Extremes()
    for metric in item.metric_keys_and_values:
        if metric.key.is_diff:
            continue
        if metric.key.name == EXTREMES:
            extremes = Extremes.from_json(metric.value.bytes_value.decode())
        else:
            scores.setdefault(metric.key.model_name, {})[metric.key.name] = metric.value.double_value.value
    baseline = scores.pop(tfma.BASELINE_KEY, None)
    (candidate,) = scores.values()
    return SliceResult(candidate, baseline, extremes)


def decide_by_results(gate: GateOptions, evaluation_uri: str) -> tuple[Verdict, list[Check]]:
    """Decides by the results of an evaluation.

    Args:
        gate: The conditions.
        evaluation_uri: Folder of the `evaluation` artifact.

    Returns:
        The verdict and its conditions.
    """
    results = load_results(evaluation_uri)
    total = results.pop("", None)
    changes = {name: result.change(gate.criterion) for name, result in results.items()}
    known = {name: change for name, change in changes.items() if change is not None}
    scores, change = (None, None) if total is None else (total.candidate, total.change(gate.criterion))
    return decide(gate, scores, change, known), conditions(gate, scores, change, known)


def write_verdict(folder: str, verdict: Verdict) -> None:
    """Writes the verdict into the folder of an artifact; the folder is created, since Kubeflow makes none."""
    content = {**verdict.as_json(), "templates": verdict.templates}
    io_utils.write_string_file(f"{folder}/{VERDICT_FILE}", json.dumps(content, indent=2) + "\n")


def read_verdict(folder: str) -> Verdict:
    """Reads what `write_verdict` wrote."""
    with tf.io.gfile.GFile(f"{folder}/{VERDICT_FILE}", "r") as file:
        content = json.loads(file.read())
    # Older verdicts have the reasons alone.
    return Verdict(content["blessed"], content.get("templates", [escape(reason) for reason in content["reasons"]]))


def summarize_evaluation(evaluation_uri: str, name_of: Callable[[str], str] = str) -> dict[str, Any]:
    """Reads the results of one run of the Evaluator.

    Args:
        evaluation_uri: Folder of the `evaluation` artifact.
        name_of: Returns the name of a setting in the gate's reasons.

    Returns:
        What `summarize_scores` returns, and `gate`, which is `{"blessed": bool, "reasons": [str, ..]}`: the conditions
        met if blessed, those not met otherwise.
    """
    return {**summarize_scores(evaluation_uri), "gate": read_verdict(evaluation_uri).as_json(name_of)}


def summarize_scores(evaluation_uri: str) -> dict[str, Any]:
    """Reads the scores of one run of the Evaluator.

    Args:
        evaluation_uri: Folder of the `evaluation` artifact.

    Returns:
        `{"evaluation": .., "baseline": .., "change": .., "slices": ..}`. The first two are score
        dictionaries; `baseline` and `change` are None without a baseline:

            {"split": "eval", "nll_nats": 5213.2, "tokens": 901, "bytes": 4511, "oov_tokens": 12,
             "truncated_tokens": 0, "perplexity": 325.7, "perplexity_ci95": [301.2, 352.1],
             "perplexity_without_oov": 318.0, "bits_per_byte": 1.688, "bits_per_byte_ci95": [1.66, 1.71],
             "sentences": 80}

        A model that reads contexts also has `context_tokens`, how many it read. Counts are integers; a value that does
        not exist is NaN. `change` has the metrics of `metrics.PAIRED_METRICS`, shares of the baseline. `slices` has
        such dictionaries by slice:
        `{"sentence_length: 0 to 10": {"evaluation": .., "baseline": .., "change": ..}}`.

    Raises:
        ValueError: There are no files of metrics, which an evaluation without sentences has, too.
    """
    if not tf.io.gfile.glob(f"{evaluation_uri}/{tfma.METRICS_KEY}*"):
        raise ValueError(f"no file {tfma.METRICS_KEY}*")
    results = load_results(evaluation_uri)
    total = results.pop("", None)
    return {
        **_summaries(total),
        "slices": {name: _summaries(result) for name, result in results.items()},
    }


def _summaries(result: SliceResult | None) -> dict[str, Any]:
    if result is None:
        return {"evaluation": _summary({}), "baseline": None, "change": None}
    if result.baseline is None:
        return {"evaluation": _summary(result.candidate), "baseline": None, "change": None}
    return {
        "evaluation": _summary(result.candidate),
        "baseline": _summary(result.baseline),
        "change": {name: result.candidate[name] for name in PAIRED_METRICS},
    }


def _summary(scores: Scores) -> dict[str, Any]:
    summary: dict[str, Any] = {"split": SPLIT}
    for name in _SUMMARY:
        value = scores.get(name, math.nan)
        summary[name] = int(value) if name.endswith(("tokens", "bytes")) and math.isfinite(value) else value
        if name in ("perplexity", "bits_per_byte"):
            summary[f"{name}_ci95"] = [scores.get(f"{name}_ci95_{end}", math.nan) for end in ("low", "high")]
    if scores.get("context_tokens"):
        summary["context_tokens"] = int(scores["context_tokens"])
    summary["sentences"] = int(scores.get("sentences", 0))
    if not scores:
        summary |= dict.fromkeys(("tokens", "bytes", "oov_tokens", "truncated_tokens"), 0)
    return summary
