"""TFMA's `ValidationResult`, written to agree with the verdict of the gate.

TFMA validates by thresholds. `eval_config` has none, so TFMA's own result says `missing_thresholds`, and tools that
read it with `tfma.load_validation_result` see a refused model. This one replaces it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from ...errors import SettingError
from ...exported.gate import Check
from .results import slice_name

# TFMA reads the only file with this prefix.
_BEGINNING = "validations"


def write_validation(evaluation_uri: str, blessed: bool, checks: Sequence[Check]) -> None:
    """Replaces TFMA's validation.

    Args:
        evaluation_uri: Folder of the `evaluation` artifact, which has the metrics.
        blessed: The verdict.
        checks: The conditions. Each that is not met becomes a failure of its slice: the metric, its value, the
            threshold, and the reason as the message.
    """
    metrics = {slice_name(item.slice_key): item for item in tfma.load_metrics(evaluation_uri)}
    result = validation_result_pb2.ValidationResult(validation_ok=blessed)
    unmet = sorted((check for check in checks if not check.met), key=lambda check: check.slice)
    for name, group in itertools.groupby(unmet, key=lambda check: check.slice):
        item = metrics.get(name, metrics_for_slice_pb2.MetricsForSlice())
        validation = result.metric_validations_per_slice.add(slice_key=item.slice_key)
        validation.failures.extend(_failure(check, item) for check in group)
    for file in tf.io.gfile.glob(f"{evaluation_uri}/{_BEGINNING}*"):
        tf.io.gfile.remove(file)
    with tf.io.TFRecordWriter(f"{evaluation_uri}/{_BEGINNING}-00000-of-00001.tfrecord") as writer:
        writer.write(result.SerializeToString())


def _failure(check: Check, item: metrics_for_slice_pb2.MetricsForSlice) -> validation_result_pb2.ValidationFailure:
    failure = validation_result_pb2.ValidationFailure(message=str(SettingError(check.reason)))
    failure.metric_key.name = check.metric
    if math.isfinite(check.bound):
        failure.metric_threshold.value_threshold.upper_bound.value = check.bound
    for metric in item.metric_keys_and_values:
        key = metric.key
        if key.name == check.metric and key.model_name != tfma.BASELINE_KEY and not key.is_diff:
            failure.metric_key.CopyFrom(key)
            failure.metric_value.CopyFrom(metric.value)
    return failure
