import math
import pickle

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.testing.util import assert_that
from hypothesis import assume, given
from hypothesis import strategies as st
from tfx_lm.components.evaluator import metrics
from tfx_lm.components.evaluator.extremes import Extremes
from tfx_lm.exported.sums import MODEL_OUTPUTS

# Two sentences: 3 tokens in 8 bytes; and 2 tokens in 4 bytes, one of them unknown (3 bytes and a space), one cut.
FIRST = {
    "nll": 3 * math.log(2), "tokens": 3, "bytes": 8, "oov_tokens": 0, "oov_nll": 0, "truncated_tokens": 0,
    "spelled_bytes": 0,
}  # fmt: skip
SECOND = {
    "nll": 4 * math.log(2), "tokens": 2, "bytes": 4, "oov_tokens": 1, "oov_nll": 3 * math.log(2),
    "truncated_tokens": 1, "spelled_bytes": 4,
}  # fmt: skip


def inputs(outputs, model_name=""):
    arrays = {name: np.array([value], np.float32) for name, value in outputs.items()}
    arrays["text"] = np.array([b"a line"], dtype=object)
    return tfma.metrics.StandardMetricInputs(predictions={model_name: arrays} if model_name else arrays)


def combine(elements, combiner):
    accumulator = combiner.create_accumulator()
    for element in elements:
        accumulator = combiner.add_input(accumulator, element)
    return accumulator


def test_all_metrics_by_hand():
    computation, _ = metrics.MaskedLanguageModelMetrics().computations()
    combiner = computation.combiner
    result = combiner.extract_output(combine([inputs(FIRST), inputs(SECOND)], combiner))
    assert {key.name: value for key, value in result.items() if "ci95" not in key.name} == pytest.approx(
        {
            "nll_nats": 7 * math.log(2), "tokens": 5, "sentences": 2, "bytes": 12, "oov_tokens": 1,
            "truncated_tokens": 1, "cross_entropy": 7 / 5 * math.log(2), "perplexity": 2 ** (7 / 5),
            "perplexity_without_oov": 2 ** (4 / 4), "bits_per_byte": (7 + 8 * 4) / 12, "oov_rate": 1 / 5,
            "truncation_rate": 1 / 6, "context_tokens": 0,
        }
    )  # fmt: skip
    values = {key.name: value for key, value in result.items()}
    for name in ("perplexity", "bits_per_byte"):
        assert values[f"{name}_ci95_low"] < values[name] < values[f"{name}_ci95_high"]
    assert set(result) == set(computation.keys)
    assert all(isinstance(value, np.float64) for value in result.values())


def pair(ours, theirs):
    """An extract that two models scored."""
    return tfma.metrics.StandardMetricInputs(
        predictions={"candidate": inputs(ours).predictions, "baseline": inputs(theirs).predictions}
    )


def test_each_model_has_its_own_keys_and_the_pair_has_the_candidates():
    computations = metrics.MaskedLanguageModelMetrics().computations(model_names=["candidate", "baseline"])
    elements = [pair(FIRST, SECOND), pair({**FIRST, "nll": 1.0}, FIRST)]
    values = {}
    for computation in computations:
        result = computation.combiner.extract_output(combine(elements, computation.combiner))
        assert set(result) == set(computation.keys)
        values |= {(key.model_name, key.name): value for key, value in result.items()}
    assert values["candidate", "tokens"] == 6
    assert values["baseline", "tokens"] == 5
    bits = (3 + 1 / math.log(2), 4 + 8 * 4 + 3)
    assert values["candidate", "bits_per_byte_change"] == pytest.approx((sum(bits[:1]) - bits[1]) / 16 / (bits[1] / 12))
    assert values["candidate", "bits_per_byte_change_upper95"] > values["candidate", "bits_per_byte_change"]
    assert math.isnan(values["candidate", "perplexity_change"])
    extremes = Extremes.from_json(values["candidate", "extreme_sentences"])
    assert [round(item.bits, 3) for item in extremes.most] == [round(1 / math.log(2) - 3, 3), 3 - 36]
    assert ("baseline", "bits_per_byte_change") not in values


def test_an_extract_may_hold_many_sentences():
    combiner = metrics.ScoreCombineFn()
    together = {name: np.array([FIRST[name], SECOND[name]], np.float32) for name in FIRST}
    alone = combiner.extract_output(combine([inputs(FIRST), inputs(SECOND)], combiner))
    assert combiner.extract_output(
        combine([tfma.metrics.StandardMetricInputs(predictions=together)], combiner)
    ) == pytest.approx(alone, rel=1e-12)


def test_nothing_added_is_nan():
    combiner = metrics.ScoreCombineFn()
    result = {key.name: value for key, value in combiner.extract_output(combiner.create_accumulator()).items()}
    assert math.isnan(result["perplexity"])
    assert math.isnan(result["bits_per_byte"])
    assert result["tokens"] == 0


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"text": np.array([b"the cat"], object)}, "the cat"),
        ({"text": tf.compat.v1.SparseTensorValue(np.zeros([1, 1]), np.array([b"the cat"], object), [1])}, "the cat"),
        ({"text": np.array([], object)}, ""),
        ({}, ""),
    ],
)
def test_the_raw_line_may_be_a_feature(features, expected):
    """TFMA's own extractors, which the stock Evaluator has, leave it there."""
    computation = metrics.MaskedLanguageModelMetrics().computations()[-1]
    (preprocessor,) = computation.preprocessors
    extracts = {
        "labels": None,
        "predictions": dict(FIRST),
        "example_weights": None,
        "features": {**features, "year": 1},
    }
    (kept,) = preprocessor.process(extracts)
    result = computation.combiner.extract_output(
        combine([tfma.metrics.StandardMetricInputs(kept)], computation.combiner)
    )
    ((sentence,), _) = Extremes.from_json(next(iter(result.values()))).__dict__.values()
    assert sentence.text == expected


@pytest.mark.slow
@given(st.lists(st.floats(0, 1e3, width=32), max_size=40), st.lists(st.integers(0, 4), min_size=40, max_size=40))
def test_shards_merge_in_any_order_from_a_one_shot_iterator(losses, shards):
    # If losses are nearly the same, their spread is made of rounding errors, which depend on the order.
    assume(len(losses) < 2 or min(losses) <= 0.5 * max(losses))
    combiner = metrics.ScoreCombineFn()
    elements = [inputs({**FIRST, "nll": loss}) for loss in losses]
    whole = combiner.extract_output(combine(elements, combiner))
    parts = [combine([e for e, s in zip(elements, shards, strict=False) if s == n], combiner) for n in range(5)]
    # As between workers: pickled, in another order, readable once.
    moved = (pickle.loads(pickle.dumps(part)) for part in reversed(parts))
    merged = combiner.extract_output(combiner.merge_accumulators(moved))
    assert merged == pytest.approx(whole, rel=1e-12, nan_ok=True)
    assert combiner.extract_output(combiner.merge_accumulators(iter([]))) == pytest.approx(
        combiner.extract_output(combiner.create_accumulator()), nan_ok=True
    )


@pytest.mark.slow
def test_beam_gives_the_same_sums_for_1_3_and_7_bundles():
    generator = np.random.default_rng(3)
    elements = [inputs({**FIRST, "nll": loss}) for loss in generator.gamma(2.0, 20.0, 500)]
    exact = math.fsum(float(element.predictions["nll"][0]) for element in elements)

    def close(results):
        (result,) = results
        assert result[metrics.metric_key("nll_nats")] == pytest.approx(exact, rel=1e-12)
        assert result[metrics.metric_key("sentences")] == 500

    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as pipeline:
        for bundles in (1, 3, 7):
            parts = [
                pipeline | f"{bundles} {part}" >> beam.Create(elements[part::bundles], reshuffle=False)
                for part in range(bundles)
            ]
            result = (
                parts
                | f"flatten {bundles}" >> beam.Flatten()
                | f"{bundles}" >> beam.CombineGlobally(metrics.ScoreCombineFn())
            )
            assert_that(result, close, label=f"check {bundles}")


def test_predictions_of_another_signature():
    combiner = metrics.ScoreCombineFn()
    with pytest.raises(ValueError, match="set the model spec's signature_name to `evaluate`"):
        combiner.add_input(combiner.create_accumulator(), tfma.metrics.StandardMetricInputs(predictions=np.zeros(3)))
    with pytest.raises(ValueError, match="model outputs lack bytes"):
        combiner.add_input(
            combiner.create_accumulator(), inputs({name: 1.0 for name in MODEL_OUTPUTS if name != "bytes"})
        )
