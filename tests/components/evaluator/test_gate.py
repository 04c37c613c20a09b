import math

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.proto import config_pb2
from tfx_lm.components.evaluator import gate, results
from tfx_lm.components.evaluator.metrics import metric_key


def verdict(config, candidate, baseline=None):
    """What TFMA decides, as TFX's Evaluator calls it, for scores given by metric name."""
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=baseline is not None, rubber_stamp=True)
    tfma.utils.verify_eval_config(config)
    names = ("candidate", "baseline") if baseline else ("",)
    metrics = {metric_key(name, names[0]): value for name, value in candidate.items()}
    for name, value in (baseline or {}).items():
        metrics[metric_key(name, "baseline")] = value
        metrics[metric_key(name, "candidate").make_diff_key()] = candidate[name] - value
    validation = metrics_validator.validate_metrics(((), metrics), config)
    scores = {name: (value, []) for name, value in candidate.items()}
    reference = baseline and {name: (value, []) for name, value in baseline.items()}
    return validation.validation_ok, results.reasons(config, scores, reference, validation.validation_ok)


def scores(perplexity=100.0, bits_per_byte=2.0):
    return {"perplexity": perplexity, "bits_per_byte": bits_per_byte}


def test_an_upper_bound_of_perplexity():
    config = gate.eval_config(max_perplexity=500)
    assert verdict(config, scores(500)) == (
        True,
        ["perplexity 500 <= gate.max_perplexity 500", "no baseline: the comparison was skipped"],
    )
    assert verdict(config, scores(812.34)) == (
        False,
        ["perplexity 812.34 > gate.max_perplexity 500", "no baseline: the comparison was skipped"],
    )


def test_an_upper_bound_of_bits_per_byte():
    config = gate.eval_config(max_bits_per_byte=2.0)
    assert verdict(config, scores(bits_per_byte=2.0))[0]
    blessed, reasons = verdict(config, scores(1e9, 2.01))
    assert not blessed
    assert reasons[0] == "bits per byte 2.01 > gate.max_bits_per_byte 2"


@pytest.mark.parametrize(
    ("bits_per_byte", "blessed", "reason"),
    [
        (2.31, False, "bits per byte 2.31 is 1.32 % above the baseline's 2.28; gate.tolerance allows 0.5 %"),
        (2.295, False, "bits per byte 2.295 is 0.658 % above the baseline's 2.28; gate.tolerance allows 0.5 %"),
        (2.285, True, "bits per byte 2.285 is 0.219 % above the baseline's 2.28; gate.tolerance allows 0.5 %"),
        (2.28, True, "bits per byte 2.28 equals the baseline's 2.28"),
        (1.14, True, "bits per byte 1.14 is 50 % below the baseline's 2.28"),
    ],
)
def test_the_comparison_with_the_baseline(bits_per_byte, blessed, reason):
    config = gate.eval_config(max_perplexity=500, tolerance=0.005)
    decided, reasons = verdict(config, scores(100, bits_per_byte), scores(100, 2.28))
    assert decided is blessed
    assert reasons[-1] == reason


def test_both_conditions_must_hold():
    config = gate.eval_config(max_perplexity=500, tolerance=0.005)
    assert verdict(config, scores(501, 1.0), scores(100, 2.0)) == (
        False,
        ["perplexity 501 > gate.max_perplexity 500"],
    )


def test_no_tolerance_means_no_comparison():
    config = gate.eval_config(max_perplexity=500)
    assert verdict(config, scores(100, 9.0), scores(100, 1.0)) == (
        True,
        ["perplexity 100 <= gate.max_perplexity 500"],
    )


def test_a_zero_tolerance_takes_an_equal_model_and_no_worse_one():
    config = gate.eval_config(max_perplexity=500, tolerance=0.0)
    assert verdict(config, scores(), scores())[0]
    assert not verdict(config, scores(bits_per_byte=2.0001), scores())[0]


def test_the_first_model_is_judged_by_the_bound_alone():
    config = gate.eval_config(max_perplexity=500, tolerance=0.005)
    blessed, reasons = verdict(config, scores())
    assert blessed
    assert reasons[-1] == results.NO_BASELINE


@pytest.mark.parametrize("config", [gate.eval_config(max_perplexity=500), gate.eval_config(max_bits_per_byte=3)])
def test_nan_and_infinity_are_never_blessed(config):
    for bad in (math.nan, math.inf):
        blessed, reasons = verdict(config, scores(bad, bad))
        assert not blessed
        assert "NaN" in reasons[0] or "inf >" in reasons[0]


def test_nan_beside_a_baseline_is_never_blessed():
    config = gate.eval_config(max_perplexity=500, tolerance=0.005)
    assert verdict(config, scores(100, math.nan), scores()) == (
        False,
        ["bits per byte nan cannot be compared with the baseline's 2"],
    )
    assert not verdict(config, scores(), scores(100, math.nan))[0]


def test_slices_are_reported_but_never_gate():
    config = gate.eval_config(max_perplexity=500, slices=("source", ("source", "length")))
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["source"], ["source", "length"]]
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=False, rubber_stamp=True)
    metrics = {metric_key(name): value for name, value in scores(900).items()}
    assert metrics_validator.validate_metrics(((("source", "a"),), metrics), config).validation_ok


def test_no_threshold_is_an_error():
    with pytest.raises(ValueError, match=r"gate: no threshold; set gate\.max_perplexity or gate\.max_bits_per_byte"):
        gate.eval_config(tolerance=0.005)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_perplexity": 0}, r"gate\.max_perplexity=0: must be a number above 0"),
        ({"max_perplexity": math.nan}, r"gate\.max_perplexity=nan: must be a number above 0"),
        ({"max_bits_per_byte": -1.0}, r"gate\.max_bits_per_byte=-1\.0: must be a number above 0"),
        ({"max_perplexity": 5, "tolerance": -0.1}, r"gate\.tolerance=-0\.1: must be a number >= 0"),
        ({"max_perplexity": 5, "tolerance": math.inf}, r"gate\.tolerance=inf: must be a number >= 0"),
    ],
)
def test_values_out_of_range(values, message):
    with pytest.raises(ValueError, match=message):
        gate.eval_config(**values)


def test_confidence_intervals_can_be_left_out():
    assert gate.eval_config(5).options.compute_confidence_intervals.value
    assert not gate.eval_config(5, confidence_intervals=False).options.compute_confidence_intervals.value
    assert isinstance(gate.eval_config(5), config_pb2.EvalConfig)
