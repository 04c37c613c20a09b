"""`EvalConfig` of the Evaluator: the metrics that TFMA computes, for the gate to decide by."""

from __future__ import annotations

import json
from collections.abc import Sequence

import tensorflow_model_analysis as tfma
from google.protobuf.wrappers_pb2 import BoolValue
from tensorflow_model_analysis.proto import config_pb2

from ...exported.signatures import EVALUATE
from . import metrics


def eval_config(slices: Sequence[str] = (), same_tokens: bool = True) -> config_pb2.EvalConfig:
    """Builds the configuration of the Evaluator.

    It has no thresholds: TFMA's look at one value at a time, and the gate compares two models over the same
    sentences. It has no intervals of TFMA either, which repeat each computation for 20 random groups of sentences:
    `scores` derives intervals from sums.

    Args:
        slices: Features to slice the metrics by: `sentence_length`, `unknown_words`, or raw features.
        same_tokens: See `metrics.MaskedLanguageModelMetrics`.

    Returns:
        The configuration, with one unnamed model; TFX adds the baseline if there is one.
    """
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(signature_name=EVALUATE, model_type=tfma.TF_GENERIC)],
        slicing_specs=[config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=[name]) for name in slices)],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(
                        class_name=metrics.MaskedLanguageModelMetrics.__name__,
                        module=metrics.__name__,
                        config=json.dumps({"same_tokens": same_tokens}),
                    )
                ]
            )
        ],
        # Without this, TFMA would look for metrics that Keras compiled into the model.
        options=config_pb2.Options(include_default_metrics=BoolValue(value=False)),
    )
