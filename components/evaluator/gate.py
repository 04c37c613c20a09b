"""The gate: which scores a model needs to be blessed, as a TFMA `EvalConfig`."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow_model_analysis as tfma
from google.protobuf.wrappers_pb2 import BoolValue, DoubleValue
from tensorflow_model_analysis.proto import config_pb2

from . import metrics
from .signatures import EVALUATE

MAX_PERPLEXITY = "gate.max_perplexity"
MAX_BITS_PER_BYTE = "gate.max_bits_per_byte"
TOLERANCE = "gate.tolerance"


def eval_config(
    max_perplexity: float | None = None,
    max_bits_per_byte: float | None = None,
    tolerance: float | None = None,
    confidence_intervals: bool = True,
    slices: Sequence[str | Sequence[str]] = (),
) -> config_pb2.EvalConfig:
    """Builds the configuration of the Evaluator.

    The thresholds hold for all sentences together; slices are only reported. TFMA blesses a model if every
    threshold is met; a metric that is NaN meets none, and neither does an empty eval split. Without a baseline the
    comparison is left out, so the first model is judged by the upper bounds alone.

    Worked example, `max_perplexity=500, tolerance=0.005`: perplexity 480 at 2.010 bits per byte is blessed beside a
    baseline of 2.005 (0.25 % worse) and refused beside one of 1.995 (0.75 % worse).

    Args:
        max_perplexity: Largest perplexity per token that is blessed.
        max_bits_per_byte: Largest number of bits per byte that is blessed.
        tolerance: How much worse than the baseline the bits per byte may be, as a share of the baseline's: 0.005 is
            0.5 %. None: the baseline is scored but not a condition.
        confidence_intervals: Whether 95 % intervals (jackknife over 20 groups of sentences) are computed.
        slices: Names of raw features, or groups of names, by whose values the metrics are also reported.

    Returns:
        The configuration, with one unnamed model; TFX adds the baseline where there is one.

    Raises:
        ValueError: If no upper bound is given, or a value is out of range.
    """
    if max_perplexity is None and max_bits_per_byte is None:
        raise ValueError(f"gate: no threshold; set {MAX_PERPLEXITY} or {MAX_BITS_PER_BYTE}")
    for name, bound in ((MAX_PERPLEXITY, max_perplexity), (MAX_BITS_PER_BYTE, max_bits_per_byte)):
        if bound is not None and not (bound > 0 and math.isfinite(bound)):
            raise ValueError(f"{name}={bound}: must be a number above 0")
    if tolerance is not None and not (tolerance >= 0 and math.isfinite(tolerance)):
        raise ValueError(f"{TOLERANCE}={tolerance}: must be a number >= 0, such as 0.005 for 0.5 %")

    thresholds = {}
    if max_perplexity is not None:
        thresholds["perplexity"] = config_pb2.MetricThreshold(value_threshold=_at_most(max_perplexity))
    if max_bits_per_byte is not None or tolerance is not None:
        thresholds["bits_per_byte"] = config_pb2.MetricThreshold(
            value_threshold=None if max_bits_per_byte is None else _at_most(max_bits_per_byte),
            change_threshold=None if tolerance is None else _at_most_worse(tolerance),
        )
    overall = config_pb2.SlicingSpec()
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(signature_name=EVALUATE, model_type=tfma.TF_GENERIC)],
        slicing_specs=[overall, *(_slicing_spec(features) for features in slices)],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(
                        class_name=metrics.MaskedLanguageModelMetrics.__name__, module=metrics.__name__
                    )
                ],
                # Thresholds without a slice would hold for every slice.
                per_slice_thresholds={
                    name: config_pb2.PerSliceMetricThresholds(
                        thresholds=[config_pb2.PerSliceMetricThreshold(slicing_specs=[overall], threshold=threshold)]
                    )
                    for name, threshold in thresholds.items()
                },
            )
        ],
        options=config_pb2.Options(
            # Without this TFMA would look for metrics that Keras compiled into the model.
            include_default_metrics=BoolValue(value=False),
            compute_confidence_intervals=BoolValue(value=confidence_intervals),
            confidence_intervals=config_pb2.ConfidenceIntervalOptions(
                method=config_pb2.ConfidenceIntervalOptions.JACKKNIFE
            ),
        ),
    )


def _at_most(bound: float) -> config_pb2.GenericValueThreshold:
    return config_pb2.GenericValueThreshold(upper_bound=DoubleValue(value=bound))


def _at_most_worse(tolerance: float) -> config_pb2.GenericChangeThreshold:
    """TFMA computes (candidate - baseline) / baseline, which must be <= `relative` where lower is better."""
    return config_pb2.GenericChangeThreshold(
        relative=DoubleValue(value=tolerance), direction=config_pb2.MetricDirection.LOWER_IS_BETTER
    )


def _slicing_spec(features: str | Sequence[str]) -> config_pb2.SlicingSpec:
    return config_pb2.SlicingSpec(feature_keys=[features] if isinstance(features, str) else list(features))
