"""The component's own executor on raw examples, with models whose scores are known."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components.evaluator import results
from tfx_lm.components.evaluator.component import MaskedEvaluator
from tfx_lm.components.serving import scoring

pytestmark = pytest.mark.slow

LINES = [b"w1 w2", b"w3", b"w4 zzz w5 w6 w7"] * 20


def example(line):
    def feature(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {"text": feature(line), "source": feature(line[:2])}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def model_artifact(saved_model, folder):
    """A Trainer's output that holds a SavedModel."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    folder.mkdir(parents=True)
    (folder / "Format-Serving").symlink_to(saved_model)
    return artifact


class Evaluation:
    """One run of the component."""

    def __init__(self, folder, saved_model, baseline=None, lines=LINES, change_config=None, **arguments):
        examples = standard_artifacts.Examples()
        examples.uri = str(folder / "examples")
        examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
        split = folder / "examples" / "Split-eval"
        split.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(split / "data-00000-of-00001.gz"), "GZIP") as writer:
            for line in lines:
                writer.write(example(line))
        inputs = {"examples": [examples], "model": [model_artifact(saved_model, folder / "candidate")]}
        if baseline:
            inputs["baseline_model"] = [model_artifact(baseline, folder / "baseline")]
        self.component = MaskedEvaluator(
            **{key: channel_utils.as_channel(value) for key, value in inputs.items()},
            **{"max_perplexity": 500.0, "tolerance": 0.005, "confidence_intervals": False, **arguments},
        )
        properties = dict(self.component.exec_properties)
        if change_config:
            properties["eval_config"] = change_config(properties["eval_config"])
        outputs = {"evaluation": standard_artifacts.ModelEvaluation(), "blessing": standard_artifacts.ModelBlessing()}
        for key, artifact in outputs.items():
            artifact.uri = str(folder / key)
        self.uri = outputs["evaluation"].uri
        Executor().Do(inputs, {key: [artifact] for key, artifact in outputs.items()}, properties)
        self.blessing = outputs["blessing"]
        summary = results.summarize_evaluation(self.uri, self.blessing.uri)
        self.scores, self.baseline, self.gate = (summary[key] for key in ("evaluation", "baseline", "gate"))
        assert self.gate["blessed"] == (self.blessing.get_int_custom_property("blessed") == 1)


def with_bootstrap(serialized):
    from tfx.utils import proto_utils

    config = config_pb2.EvalConfig()
    proto_utils.json_to_proto(serialized, config)
    config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP
    return proto_utils.proto_to_json(config)


def test_the_component_only_fills_in_what_is_ours():
    component = MaskedEvaluator(
        examples=types.Channel(standard_artifacts.Examples), model=types.Channel(standard_artifacts.Model),
        max_perplexity=500.0,
    )  # fmt: skip
    assert component.id == "Evaluator"
    assert component.exec_properties["example_splits"] == '["eval"]'
    assert component.exec_properties["module_path"] == "tfx_lm.components.evaluator.bounded_inference"
    assert set(component.outputs) == {"evaluation", "blessing"}


def test_a_first_model_with_intervals_and_slices(tmp_path, bigram_model):
    lines = [b"the cat", b"cat", b"dog", b"the the cat"] * 25
    run = Evaluation(tmp_path, bigram_model, lines=lines, confidence_intervals=True, slices=["source"])
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
        "reasons": ["perplexity 2.74 <= gate.max_perplexity 500".replace("2.74", f"{2 ** (bits / tokens):.5g}"),
                    results.NO_BASELINE],
    }  # fmt: skip

    slices = {
        tuple(key.bytes_value for key in item.slice_key.single_slice_keys): {
            value.key.name: value.value.double_value.value for value in item.metric_keys_and_values
        }
        for item in tfma.load_metrics(run.uri)
    }
    assert {key: value["sentences"] for key, value in slices.items()} == {
        (): 100, (b"th",): 50, (b"ca",): 25, (b"do",): 25,
    }  # fmt: skip
    assert slices[(b"do",)]["oov_rate"] == pytest.approx(0.5)

    model = scoring.load_model(bigram_model)
    total = scoring.CorpusScore()
    for line in scoring.score_lines(model, lines):
        total = total.add(line)
    corpus = total.as_json()
    for key in ("tokens", "bytes", "oov_tokens", "truncated_tokens"):
        assert corpus[key] == run.scores[key]
    for key in ("perplexity", "bits_per_byte"):
        assert corpus[key] == pytest.approx(run.scores[key], rel=1e-9)


def test_a_worse_model_is_refused_with_intervals(tmp_path, uniform_model, save_uniform_model):
    run = Evaluation(tmp_path, save_uniform_model(20), uniform_model, confidence_intervals=True)
    assert run.scores["perplexity"] == pytest.approx(20, rel=1e-6)
    assert run.baseline["perplexity"] == pytest.approx(16, rel=1e-6)
    assert run.baseline["tokens"] == run.scores["tokens"] == 220
    assert run.gate["blessed"] is False
    (reason,) = run.gate["reasons"]
    assert "above the baseline's" in reason
    assert reason.endswith("gate.tolerance allows 0.5 %")


def test_an_equal_model_is_blessed_with_bootstrap_intervals(tmp_path, bigram_model):
    lines = [b"the cat", b"cat", b"dog"] * 10
    run = Evaluation(tmp_path, bigram_model, bigram_model, lines, with_bootstrap, confidence_intervals=True)
    assert run.scores == {**run.baseline, "perplexity_ci95": run.scores["perplexity_ci95"]}
    low, high = run.scores["perplexity_ci95"]
    assert low < run.scores["perplexity"] < high
    assert run.gate["blessed"] is True
    assert "equals the baseline's" in run.gate["reasons"][1]


def test_a_better_model_is_blessed(tmp_path, uniform_model, save_uniform_model):
    run = Evaluation(tmp_path, uniform_model, save_uniform_model(20))
    assert run.gate["blessed"] is True
    assert "below the baseline's" in run.gate["reasons"][1]
    assert all(math.isnan(bound) for bound in run.scores["perplexity_ci95"])


def test_a_broken_model_is_refused(tmp_path, nan_model):
    run = Evaluation(tmp_path, nan_model)
    assert math.isnan(run.scores["perplexity"])
    assert run.scores["tokens"] == 220
    assert run.gate["blessed"] is False
    assert run.gate["reasons"][0].startswith("perplexity is NaN")


def test_an_empty_split_is_refused(tmp_path, uniform_model):
    run = Evaluation(tmp_path, uniform_model, lines=[])
    assert run.scores["tokens"] == 0
    assert math.isnan(run.scores["perplexity"])
    assert run.gate == {"blessed": False, "reasons": [results.NO_SENTENCES]}


def test_a_baseline_without_the_signature_stops_before_any_work(tmp_path, uniform_model):
    module = tf.Module()
    module.variable = tf.Variable(1.0)
    tf.saved_model.save(module, str(tmp_path / "old"))
    with pytest.raises(ValueError, match=r"baseline .*: has no signature `evaluate`.*remove its blessing"):
        Evaluation(tmp_path, uniform_model, tmp_path / "old")
    assert not (tmp_path / "evaluation").exists()


def test_calls_of_the_model_are_bounded(bigram_model):
    from tfx_lm.components.evaluator import batches, bounded_inference

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

    outputs = bounded_inference.evaluate(Watched(), examples)
    assert max(len(call) * max(call) for call in calls if len(call) > 1) <= batches.MAX_PADDED_BYTES
    assert max(map(len, calls)) <= batches.MAX_ROWS
    assert outputs["bytes"].tolist() == [len(line) + 1 for line in lines]
