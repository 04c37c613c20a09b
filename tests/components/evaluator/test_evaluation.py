"""The component's own executor on raw examples, with models whose scores are known.

What TFMA's own functions read of an evaluation agrees with the gate; `Evaluation` asserts it of every run.
"""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.evaluation_run import Evaluation, example
from tfx import types
from tfx.orchestration import data_types
from tfx.types import standard_artifacts
from tfx_lm.components.evaluator import gate_properties, results
from tfx_lm.components.evaluator.component import MaskedEvaluator
from tfx_lm.errors import SettingError
from tfx_lm.exported import gate, scoring, token_identity

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("models_loaded_once")]


def test_the_component_has_the_keys_of_tfx():
    component = MaskedEvaluator(
        examples=types.Channel(standard_artifacts.Examples), model=types.Channel(standard_artifacts.Model),
        max_perplexity=500.0,
    )  # fmt: skip
    assert component.id == "Evaluator"
    assert component.exec_properties == {
        "max_perplexity": 500.0, "max_bits_per_byte": None, "max_unknown": 0.5, "criterion": "bits_per_byte",
        "tolerance": 0.005, "slice_tolerance": 0.02, "slice_min_sentences": 100,
        "slices": '["sentence_length", "unknown_words"]',
        "example_splits": '["eval"]',
    }  # fmt: skip
    assert set(component.outputs) == {"evaluation", "blessing"}


def test_mistakes_are_found_when_the_component_is_built():
    channels = {
        "examples": types.Channel(standard_artifacts.Examples),
        "model": types.Channel(standard_artifacts.Model),
    }
    with pytest.raises(ValueError, match=r"^tolerance=-1: must be >= 0"):
        MaskedEvaluator(**channels, max_perplexity=5, tolerance=-1)
    with pytest.raises(ValueError, match=r"^slices=\['text'\]: every sentence would be its own slice"):
        MaskedEvaluator(**channels, max_perplexity=5, slices=["text"])
    with pytest.raises(TypeError, match="max_accuracy"):
        MaskedEvaluator(**channels, max_accuracy=5)


def test_numbers_may_be_runtime_parameters():
    def parameter(name, kind, default=None):
        return data_types.RuntimeParameter(name=name, ptype=kind, default=default)

    channels = {
        "examples": types.Channel(standard_artifacts.Examples),
        "model": types.Channel(standard_artifacts.Model),
    }
    bound, least = parameter("bound", float), parameter("least", int, 20)
    properties = MaskedEvaluator(**channels, max_perplexity=bound, slice_min_sentences=least).exec_properties
    assert properties["max_perplexity"] is bound
    assert properties["slice_min_sentences"] is least
    with pytest.raises(SettingError, match="slice_min_sentences=1: must be >= 2"):
        MaskedEvaluator(**channels, max_perplexity=5, slice_min_sentences=parameter("least", int, 1))
    # What only the run knows is checked by the run.
    run = {**properties, "max_perplexity": 0.5, "slice_min_sentences": 20}
    with pytest.raises(SettingError, match=r"max_perplexity=0\.5: must be > 1"):
        gate_properties.gate_of_run(run)
    options = gate_properties.gate_of_run({**run, "max_perplexity": 50.0})
    assert (options.max_perplexity, options.slice_min_sentences, options.tolerance) == (50.0, 20, 0.005)


def test_a_first_model_with_intervals_and_slices(tmp_path, bigram_model):
    lines = [b"the cat", b"cat", b"dog", b"the the cat"] * 25
    run = Evaluation(tmp_path, bigram_model, lines=lines, slices=["source", "unknown_words"])
    # Bits, tokens, bytes of each: the cat 1+1+1; cat 2+1; dog 3+1; the the cat 1+3+1+1.
    bits, tokens, size = 25 * (3 + 3 + 4 + 6), 25 * (3 + 2 + 2 + 4), 25 * (8 + 4 + 4 + 12)
    assert run.scores["nll_nats"] == pytest.approx(bits * math.log(2), rel=1e-6)
    assert (run.scores["tokens"], run.scores["bytes"], run.scores["oov_tokens"]) == (tokens, size, 25)
    assert run.scores["perplexity"] == pytest.approx(2 ** (bits / tokens), rel=1e-6)
    assert run.scores["perplexity_without_oov"] == pytest.approx(2 ** ((bits - 75) / (tokens - 25)), rel=1e-6)
    assert run.scores["bits_per_byte"] == pytest.approx((bits + 8 * 4 * 25) / size, rel=1e-6)
    low, high = run.scores["perplexity_ci95"]
    assert 1 < low < run.scores["perplexity"] < high < 4
    assert run.baseline is None
    assert run.gate == {
        "blessed": True,
        "reasons": ["perplexity 2.74 <= max_perplexity 500".replace("2.74", f"{2 ** (bits / tokens):.5g}"),
                    gate.NO_BASELINE],
    }  # fmt: skip

    slices = {name: value["evaluation"] for name, value in run.summary["slices"].items()}
    assert {name: value["sentences"] for name, value in slices.items()} == {
        "source: ca": 25, "source: do": 25, "source: th": 50, "unknown_words: no": 75, "unknown_words: yes": 25,
    }  # fmt: skip
    assert slices["source: do"]["oov_tokens"] == 25
    assert slices["unknown_words: yes"] == slices["source: do"]
    low, high = slices["source: th"]["bits_per_byte_ci95"]
    assert low < slices["source: th"]["bits_per_byte"] < high
    assert slices["source: th"]["bits_per_byte"] == pytest.approx(9 / 20)
    extremes = results.load_results(run.uri)[""].extremes
    # 4 bits and 8 for each of dog's 4 bytes; cat's 3 bits in 4 bytes are more than 3 in 8 and 6 in 12.
    assert {(item.text, round(item.bits, 4)) for item in extremes.most} == {("dog", 9.0)}
    assert {(item.text, round(item.bits, 4)) for item in extremes.fewest} == {("the cat", 0.375)}

    model = scoring.load_model(bigram_model)
    total = scoring.CorpusScore.empty()
    for line in scoring.score_lines(model, lines):
        total += scoring.CorpusScore.from_line(line)
    corpus = total.as_json()
    for key in ("tokens", "bytes", "oov_tokens", "truncated_tokens"):
        assert corpus[key] == run.scores[key]
    for key in ("perplexity", "bits_per_byte"):
        assert corpus[key] == pytest.approx(run.scores[key], rel=1e-9)


def test_a_worse_model_is_refused(tmp_path, uniform_model, save_uniform_model):
    run = Evaluation(tmp_path, save_uniform_model(20), uniform_model)
    assert run.scores["perplexity"] == pytest.approx(20, rel=1e-6)
    assert run.baseline["perplexity"] == pytest.approx(16, rel=1e-6)
    assert run.baseline["tokens"] == run.scores["tokens"] == 220
    bits = [220 * math.log2(words) + 20 * 8 * len("zzz ") for words in (20, 16)]
    assert run.summary["change"]["bits_per_byte_change"] == pytest.approx(bits[0] / bits[1] - 1)
    assert run.gate["blessed"] is False
    (reason,) = run.gate["reasons"]
    assert "above the baseline's" in reason
    assert reason.endswith("tolerance allows 0.5 %")
    ((name, failure),) = run.failures()
    assert (name, failure.metric_key.name) == ("", "bits_per_byte_change_upper95")
    assert failure.metric_threshold.value_threshold.upper_bound.value == 0.005
    assert failure.metric_value.double_value.value > 0.046


def test_a_model_without_a_context_beside_a_baseline_with_one(tmp_path, save_uniform_model, uniform_model):
    """Each reads its own context, or none, and both score the same tokens."""
    in_context = save_uniform_model(16, context_tokens=3)
    run = Evaluation(tmp_path, uniform_model, in_context, [b"w1 w2", b"w3"] * 30, [b"", b"w1 w2"] * 30)
    behind, alone = run.baseline, run.scores
    # Two words of context before each second line, each of which takes off a nat. A pair of lines has five tokens.
    assert (behind["tokens"], behind["context_tokens"]) == (150, 60)
    assert (alone["tokens"], alone.get("context_tokens", 0)) == (150, 0)
    assert alone["perplexity"] == pytest.approx(16, rel=1e-6)
    assert behind["perplexity"] == pytest.approx(math.exp(math.log(16) - 2 / 5), rel=1e-6)
    assert run.gate["blessed"] is False
    assert "above the baseline's" in run.gate["reasons"][0]


def test_a_baseline_of_another_normalization_stops_before_any_work(tmp_path, save_uniform_model):
    models = [save_uniform_model(16) for _ in range(2)]
    identity = Path(models[1], token_identity.FILE)
    identity.parent.mkdir(exist_ok=True)
    identity.write_text('{"normalization": "nfc"}')
    with pytest.raises(SettingError, match=r"^normalization=none: the baseline .* reads text with normalization=nfc"):
        Evaluation(tmp_path, *models)
    assert not (tmp_path / "evaluation").exists()


def test_a_model_above_the_bound_is_refused(tmp_path, uniform_model):
    """Also by examples without compression, and beside a baseline without files, which is none."""
    (tmp_path / "nothing").mkdir()
    nothing = {"baseline": tmp_path / "nothing", "empty_baseline": True}
    # What a first try of the task has left; Evaluation looks at all files of the blessing.
    (tmp_path / "blessing").mkdir()
    (tmp_path / "blessing" / "BLESSED").touch()
    run = Evaluation(tmp_path, uniform_model, **nothing, compressed=False, max_perplexity=15.0)
    assert run.baseline is None
    assert run.gate["reasons"][-1] == gate.NO_BASELINE
    assert run.scores["tokens"] == 220
    assert run.scores["perplexity"] == run.eval_result()["perplexity"]
    ((name, failure),) = run.failures()
    assert (name, failure.metric_key.name, failure.message) == ("", "perplexity", "perplexity 16 > max_perplexity 15")
    assert failure.metric_threshold.value_threshold.upper_bound.value == 15
    assert failure.metric_value.double_value.value == pytest.approx(16, rel=1e-6)
    assert run.eval_result()["perplexity"] == pytest.approx(16, rel=1e-6)


@pytest.fixture
def described(tmp_path, save_uniform_model):
    """A function that saves a uniform model that says what it reads, into a folder of its own."""

    def describe(size, lowercase=True):
        words = ["<pad>", "<unk>", "<s>", "</s>"] + [f"w{index}" for index in range(size - 4)]
        file = tmp_path / f"words-{size}"
        file.write_text("\n".join(words) + "\n")
        model = save_uniform_model(size)
        token_identity.write_token_identity(model, {"tokenizer": "whitespace", "lowercase": lowercase}, str(file))
        return model

    return describe


def test_an_equal_model_is_blessed_and_not_better(tmp_path, described):
    run = Evaluation(tmp_path, described(16), described(16), criterion="perplexity")
    assert run.scores == run.baseline
    assert run.gate["blessed"] is True
    assert run.gate["reasons"][1].startswith("perplexity is equal to the baseline's")
    assert run.summary["change"]["perplexity_change"] == 0
    for criterion, words in (("perplexity", "perplexity"), ("bits_per_byte", "bits per byte")):
        properties = {**run.component.exec_properties, "criterion": criterion}
        verdict = results.decide_by_results(gate_properties.gate_of_run(properties), run.uri)[0]
        assert verdict.blessed is True
        assert verdict.as_json()["reasons"][1].startswith(f"{words} is equal to the baseline's")
        strict = gate_properties.gate_of_run({**properties, "tolerance": 0.0})
        assert results.decide_by_results(strict, run.uri)[0].blessed is False


def test_a_better_model_is_blessed(tmp_path, described, monkeypatch):
    candidate, baseline = described(16), described(20)
    load, loaded = tf.saved_model.load, []
    monkeypatch.setattr(tf.saved_model, "load", lambda path: loaded.append(path) or load(path))
    run = Evaluation(tmp_path, candidate, baseline, slice_tolerance=0.02, slice_min_sentences=20)
    # The check and the evaluation share each model.
    assert loaded == [f"{tmp_path}/{name}/Format-Serving" for name in ("candidate", "baseline")]
    assert run.gate["blessed"] is True
    assert "below the baseline's" in run.gate["reasons"][1]
    assert run.gate["reasons"][2].startswith("none of the 3 watched slices is worse")
    # The numbers of tokens agree, the tokens do not: the models can be compared by bits per byte, not by perplexity.
    change = run.summary["change"]
    assert math.isnan(change["perplexity_change"])
    assert math.isnan(change["perplexity_change_upper95"])
    assert change["bits_per_byte_change"] < 0


def test_models_that_differ_in_lower_case_are_compared_without_tolerances_only(tmp_path, described):
    lower, cased = described(16), described(20, lowercase=False)
    other = r"^lowercase=true: the baseline .* reads text with lowercase=false, and only"
    for number, tolerances in enumerate([(0.005, None), (None, 0.02)]):
        with pytest.raises(SettingError, match=other):
            options = dict(zip(("tolerance", "slice_tolerance"), tolerances, strict=True))
            Evaluation(tmp_path / str(number), lower, cased, **options)
    with pytest.raises(SettingError, match="set lowercase to true, or tolerance and slice_tolerance to null, and back"):
        Evaluation(tmp_path / "cased", cased, lower)
    run = Evaluation(tmp_path / "without", lower, cased, tolerance=None, slice_tolerance=None)
    assert run.gate["blessed"] is True
    assert run.baseline["perplexity"] == pytest.approx(20, rel=1e-6)


def test_a_model_that_is_better_but_for_one_slice_is_refused(tmp_path, save_table_model):
    """It gave up on the unknown word, of which only one sentence in fifty has one."""
    likely, unlikely = math.log(0.5), math.log(0.01)
    words = [f"w{index}" for index in range(4)]

    def table(unknown, known):
        return [[known] + [unknown] + [known] * 6] * 8

    baseline = save_table_model(words, table(likely, unlikely))
    candidate = save_table_model(words, table(unlikely, likely))
    lines = [b"w1 w2 w3 w1 w2 w3"] * 490 + [b"zzz zzz"] * 10
    run = Evaluation(tmp_path, candidate, baseline, lines, slice_tolerance=0.02, slice_min_sentences=10)
    assert run.summary["change"]["bits_per_byte_change"] < -0.5
    assert run.gate["blessed"] is False
    (reason,) = run.gate["reasons"]
    assert reason.startswith("unknown_words: yes: bits per byte is ")
    ((name, failure),) = run.failures()
    assert (name, failure.metric_key.name) == ("unknown_words: yes", "bits_per_byte_change")
    assert failure.metric_threshold.value_threshold.upper_bound.value == 0.02
    assert failure.metric_value.double_value.value > 0.02
    assert results.load_results(run.uri)[""].extremes.most[0].text == "zzz zzz"
    assert results.load_results(run.uri)[""].extremes.fewest[0].text == "w1 w2 w3 w1 w2 w3"


def test_a_slice_that_does_not_exist(tmp_path, uniform_model):
    with pytest.raises(ValueError, match=r"^slices=\['genre'\]: .*no such feature \(they have: source, text\)"):
        Evaluation(tmp_path, uniform_model, slices=["source", "genre"])
    assert not (tmp_path / "evaluation").exists()


def test_a_damaged_baseline_stops_before_any_work(tmp_path, uniform_model, save_uniform_model):
    damaged = Path(save_uniform_model(20, path=tmp_path / "damaged"))
    (damaged / "variables" / "variables.data-00000-of-00001").write_bytes(b"")
    with pytest.raises(ValueError, match=r"baseline .*: cannot be loaded and used .*remove its blessing"):
        Evaluation(tmp_path, uniform_model, damaged)
    assert not (tmp_path / "evaluation").exists()


def test_perplexity_gates_the_same_vocabulary_only(tmp_path, described, uniform_model):
    candidate, other = described(16), described(20)
    for compared in ({"tolerance": 0.005}, {"tolerance": None, "slice_tolerance": 0.02}):
        with pytest.raises(
            ValueError, match=r"vocabulary of 16 \(\w{12}\), the baseline .*vocabulary of 20 \(\w{12}\)"
        ):
            Evaluation(tmp_path / f"2{len(compared)}", candidate, other, criterion="perplexity", **compared)
    with pytest.raises(ValueError, match=r"has no readable assets.extra/tfx_lm.json; train and export it"):
        Evaluation(tmp_path / "3", candidate, uniform_model, criterion="perplexity")


def test_a_broken_model_is_refused(tmp_path, nan_model):
    run = Evaluation(tmp_path, nan_model)
    assert math.isnan(run.scores["perplexity"])
    assert run.scores["tokens"] == 220
    assert run.gate["blessed"] is False
    assert run.gate["reasons"][0].startswith("perplexity is NaN")
    # A score that does not exist is no property.
    assert not run.evaluation.has_custom_property("perplexity")
    assert run.evaluation.get_int_custom_property("blessed") == 0
    assert run.blessing.get_int_custom_property("tokens") == 220


def test_an_empty_split_is_refused(tmp_path, uniform_model):
    run = Evaluation(tmp_path, uniform_model, lines=[])
    assert run.scores["tokens"] == 0
    assert math.isnan(run.scores["perplexity"])
    assert run.gate == {"blessed": False, "reasons": [gate.NO_SENTENCES]}


def test_a_baseline_without_the_signature_stops_before_any_work(tmp_path, uniform_model):
    module = tf.Module()
    module.variable = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "old"))
    with pytest.raises(ValueError, match=r"baseline .*: has no signature `evaluate`.*remove its blessing"):
        Evaluation(tmp_path, uniform_model, tmp_path / "old")
    assert not (tmp_path / "evaluation").exists()


def test_calls_of_the_model_are_bounded(bigram_model):
    from tfx_lm.components.evaluator.inference import evaluate
    from tfx_lm.exported import batches

    generator = np.random.default_rng(0)
    lines = [b"the " * n + b"cat" for n in generator.integers(0, 400, 500)] + [b"x" * 100_000]
    examples = np.array([example(line) for line in lines], dtype=object)
    loaded = tf.saved_model.load(bigram_model)
    signature = loaded.signatures["evaluate"]
    calls = []

    class Watched:
        def __init__(self):
            self.signatures = {"evaluate": self.evaluate}

        def evaluate(self, examples):
            calls.append([len(value) for value in examples.numpy()])
            return signature(examples=examples)

    outputs = evaluate(Watched(), examples)
    assert max(len(call) * max(call) for call in calls if len(call) > 1) <= batches.MAX_PADDED_BYTES
    assert max(map(len, calls)) <= batches.MAX_ROWS
    assert outputs["bytes"].tolist() == [len(line) + 1 for line in lines]
