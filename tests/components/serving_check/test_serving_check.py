"""The serving check's executor on good and broken models, in the fresh process that it starts or in this one."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import text_example, write_records
from tensorflow_serving.apis import prediction_log_pb2
from tfx.components.pusher import executor as stock_pusher
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils
from tfx_lm.components.evaluator.inference import evaluate
from tfx_lm.components.serving_check import component, golden, probe, process, verdict
from tfx_lm.components.serving_check.executor import Executor
from tfx_lm.errors import SettingError
from tfx_lm.exported.warmup import read_warmup_requests
from tfx_lm.pipelines.setting_names import yaml_key

pytestmark = pytest.mark.slow


def write_examples(folder, lines):
    """An Examples artifact whose split eval has the lines."""
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    artifact.split_names = artifact_utils.encode_split_names(["train", "eval"])
    (folder / "Split-eval").mkdir(parents=True)
    write_records(folder / "Split-eval" / "data.gz", map(text_example, lines))
    return artifact


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    lines = ("the cat", "cat the the", "a dog", "the cat the cat the cat")
    return write_examples(tmp_path_factory.mktemp("examples"), lines)


@pytest.fixture
def probe_here(monkeypatch):
    """The probe runs in this process, for what it finds in a model that loads."""

    def run(command, **options):
        request, result = map(Path, command[-2:])
        result.write_text(json.dumps(probe.probe(json.loads(request.read_text()))))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)


def check(model, examples, folder, max_latency_ms=5000.0, timeout_seconds=300.0):
    """Runs the executor; returns the blessing and what its verdict file holds."""
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder / "model")
    shutil.copytree(model, folder / "model" / "Format-Serving")
    blessing = standard_artifacts.InfraBlessing()
    blessing.uri = str(folder / "blessing")
    properties = {"max_latency_ms": max_latency_ms, "timeout_seconds": timeout_seconds, "example_splits": '["eval"]'}
    Executor().Do({"model": [artifact], "examples": [examples]}, {"blessing": [blessing]}, properties)
    return blessing, verdict.read_verdict(blessing.uri)


def push(blessing, folder):
    """Runs TFX's own Pusher on the blessing; returns the artifact that it makes."""
    destination = pusher_pb2.PushDestination(filesystem={"base_directory": str(folder / "serving")})
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(folder / "pushed")
    properties = {"push_destination": proto_utils.proto_to_json(destination)}
    stock_pusher.Executor().Do({"infra_blessing": [blessing]}, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_good_model_is_blessed_and_tfxs_pusher_pushes_it_with_warm_up_requests(bigram_model, examples, tmp_path):
    blessing, found = check(bigram_model, examples, tmp_path)
    assert found["blessed"] is True, found
    assert found["reasons"] == []
    assert found["largest_difference"] <= 1e-5
    assert found["load_seconds"] > 0
    assert 0 < found["latency_ms"]["median"] <= found["latency_ms"]["p95"]
    assert (tmp_path / "blessing" / "INFRA_BLESSED").exists()

    pushed = push(blessing, tmp_path)
    assert pushed.get_int_custom_property("pushed") == 1
    (version,) = (tmp_path / "serving").iterdir()
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records.as_numpy_iterator()]
    assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
    model = tf.saved_model.load(str(version))
    requests = list(read_warmup_requests(str(version)))
    assert len(requests) == len(logs) == 9
    for signature, inputs in requests:
        # TensorFlow Serving replays them through its batching, which needs a row for each text.
        assert {len(value) for value in inputs.values()} == {len(inputs["text"])}
        answers = model.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        assert {len(answer) for answer in answers.values()} == {len(inputs["text"])}


def test_a_model_that_gives_nan_is_not_blessed_and_not_pushed(nan_model, examples, tmp_path, probe_here):
    blessing, found = check(nan_model, examples, tmp_path)
    assert found["blessed"] is False
    assert "score of an empty string: nll is not finite" in found["reasons"]
    assert any("differs from the Evaluator by nan" in reason for reason in found["reasons"])
    assert (tmp_path / "blessing" / "INFRA_NOT_BLESSED").exists()
    pushed = push(blessing, tmp_path)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_a_model_that_cannot_be_loaded_is_not_blessed_and_the_reason_has_the_standard_error(
    bigram_model, examples, tmp_path
):
    broken = tmp_path / "broken"
    shutil.copytree(bigram_model, broken)
    (broken / "saved_model.pb").write_bytes(b"no SavedModel")
    _, found = check(broken, examples, tmp_path)
    (reason,) = found["reasons"]
    assert reason.startswith("the serving process ended with code 1; its standard error ends:")
    assert "Cannot parse file" in reason


def test_a_process_that_does_not_end_is_not_blessed(bigram_model, examples, tmp_path):
    _, found = check(bigram_model, examples, tmp_path, timeout_seconds=0.2)
    (reason,) = found["reasons"]
    assert reason.startswith("the serving process did not end within 0.2 s (timeout_seconds)")


def test_a_slow_model_is_not_blessed(bigram_model, examples, tmp_path, probe_here):
    _, found = check(bigram_model, examples, tmp_path, max_latency_ms=0.001)
    (reason,) = found["reasons"]
    assert "at most 0.001 ms (max_latency_ms)" in reason
    (reason,) = verdict.read_verdict(f"{tmp_path}/blessing", yaml_key)["reasons"]
    assert "at most 0.001 ms (serving_check.max_latency_ms)" in reason


def test_the_signatures_of_a_model_with_a_context_are_probed(
    save_table_model, bigram_table, examples, tmp_path, probe_here, monkeypatch
):
    called = set()
    call = probe.Model.call
    monkeypatch.setattr(probe.Model, "call", lambda self, name, *rest: called.add(name) or call(self, name, *rest))
    _, found = check(save_table_model(*bigram_table, context_tokens=3), examples, tmp_path)
    assert found["reasons"] == []
    assert called == {*probe.SIGNATURES, "score_in_context", "next_word_in_context"}
    (version,) = (tmp_path / "blessing").glob("**/tf_serving_warmup_requests")
    assert {name for name, _ in read_warmup_requests(str(version.parent.parent))} >= {"next_word_in_context"}


def test_a_model_without_a_signature_is_not_blessed(bigram_model, examples, tmp_path, probe_here):
    loaded = tf.saved_model.load(bigram_model)
    signatures = {name: function for name, function in loaded.signatures.items() if name != "step"}
    tf.saved_model.save(loaded, str(tmp_path / "less"), signatures=signatures)
    _, found = check(tmp_path / "less", examples, tmp_path)
    (reason,) = found["reasons"]
    assert reason.startswith("no signature step (there are: evaluate, next_word,")


def test_a_model_with_a_scalar_input_is_not_blessed(save_table_model, bigram_table, examples, tmp_path, probe_here):
    _, found = check(save_table_model(*bigram_table, scalar_k=True), examples, tmp_path)
    (reason,) = found["reasons"]
    assert reason.startswith("next_word: the input k is a scalar, which TensorFlow Serving cannot batch; give it the")


def test_a_model_that_lower_cases_by_the_locale_is_not_blessed(save_table_model, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    # Each next word is `<unk>` (1 nat), `</s>` (1.5) or `i` (2).
    table = np.tile([-90.0, -1.0, -90.0, -1.5, -2.0], (5, 1))
    examples = write_examples(tmp_path / "examples", ["the i", "i i"])
    _, found = check(save_table_model(["i"], table, lowercase=True), examples, tmp_path)
    assert found["reasons"] == [
        # THE I costs 1 + 2 + 1.5 nats, and THE I with a dotless i 1 + 1 + 1.5.
        "score, under the locale tr_TR.UTF-8, differs from the Evaluator by 2.2e-01 of a sentence's loss; at most 1e-5"
    ]


def test_a_sentence_with_an_i_is_sent_in_capitals():
    examples = [text_example("the cat"), text_example("a bird, ı"), text_example("i")]
    assert golden.text_of(golden.in_capitals(examples)) == b"A BIRD, I"
    assert golden.text_of(golden.in_capitals(examples[:1])) == b"THE CAT"


def test_other_numbers_than_the_evaluators_are_a_reason():
    found = process.ProbeResult((), 1.0, {"median": 1.0, "p95": 2.0}, np.array([10.0, 0.5]))
    assert verdict.judge(found, np.array([10.00009, 0.5])).blessed
    other = verdict.judge(found, np.array([10.0002, 0.5]))
    assert other.reasons == [
        "score, under the locale tr_TR.UTF-8, differs from the Evaluator by 2.0e-05 of a sentence's loss; at most 1e-5"
    ]
    assert json.loads(json.dumps(other.largest_difference)) == pytest.approx(2e-5, rel=1e-3)


def test_few_sentences_are_repeated_and_none_is_an_error(examples, tmp_path):
    found = golden.read_examples([f"{examples.uri}/Split-eval/data.gz"])
    assert len(found) == golden.SENTENCES
    assert [golden.text_of(example) for example in found[3:5]] == [b"the cat the cat the cat", b"the cat"]
    tf.io.TFRecordWriter(str(tmp_path / "data.gz"), "GZIP").close()
    with pytest.raises(ValueError, match=r"no examples to check the model with .*; set example_splits"):
        golden.read_examples([str(tmp_path / "data.gz")])


@pytest.mark.parametrize("option", ["max_latency_ms", "timeout_seconds"])
@pytest.mark.parametrize(
    ("value", "why"), [(0, "must be > 0.0"), (math.inf, "input should be a finite number"), (True, "a valid number")]
)
def test_a_limit_must_be_a_number_above_zero(option, value, why):
    with pytest.raises(SettingError, match=rf"^{option}={value}: .*{why}; set {option}$"):
        component.ServingCheck(None, None, **{option: value})


def test_tensorflow_is_found_where_this_process_has_it(bigram_model, tmp_path):
    """As after `pip install --user`: here with no folder of packages at all."""
    request = {"model": str(bigram_model), "texts": {}, "sentences": ["YQ=="], "contexts": [""]}
    request["packages"] = str(Path(tf.__file__).parents[1])
    (tmp_path / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-I", "-S", process.PROBE, tmp_path / "request.json", tmp_path / "result.json"]
    # It ends when its standard input does.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.wait(300) == 0, started.stderr.read()
    assert json.loads((tmp_path / "result.json").read_text())["problems"] == []


def test_what_is_expected_has_all_digits_of_a_gpu(bigram_model, examples, tmp_path, probe_here, monkeypatch):
    seen = []

    def evaluated(model, serialized):
        seen.append(tf.config.experimental.tensor_float_32_execution_enabled())
        return evaluate(model, serialized)

    monkeypatch.setattr("tfx_lm.components.serving_check.executor.evaluate", evaluated)
    check(bigram_model, examples, tmp_path)
    assert (seen, tf.config.experimental.tensor_float_32_execution_enabled()) == ([False], True)


def test_the_fresh_process_refuses_what_a_server_does_not_have(tmp_path, monkeypatch):
    source = process.PROBE.read_text().replace("    result = probe(", "    import keras\n    result = probe(")
    assert "import keras" in source
    (tmp_path / "probe.py").write_text(source)
    monkeypatch.setattr(process, "PROBE", tmp_path / "probe.py")
    found = process.run_probe("nowhere", {}, [b"a"], [b""], 1.0, 300.0)
    assert "keras: must not be needed to serve the model" in found.problems[0]
