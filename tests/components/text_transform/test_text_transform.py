"""TextTransform is TFX's Transform, with the options of the text put in."""

import hashlib
import json
from types import SimpleNamespace

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.transform import executor, labels
from tfx.orchestration.portable import data_types
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.v1.components import Transform
from tfx_lm.components.starting_model.find import input_digest
from tfx_lm.components.text_transform import executor as text_transform_executor
from tfx_lm.components.text_transform.compat import BlockProcessor, _ExampleBlocks
from tfx_lm.components.text_transform.component import PREPROCESSING_FN, TextTransform
from tfx_lm.components.text_transform.vocabulary_of_model import with_vocabulary
from tfx_lm.errors import SettingError
from tfx_lm.exported.token_identity import write_token_identity
from tfx_lm.transform.options import TextOptions


def made(options=None) -> TextTransform:
    return TextTransform(
        types.Channel(type=standard_artifacts.Examples), types.Channel(type=standard_artifacts.Schema), options
    )


def custom_config(component: TextTransform) -> dict:
    return json.loads(component.spec.exec_properties["custom_config"])


def test_it_is_a_transform_for_tfx():
    component = made()
    assert component.id == "Transform"
    assert component.type == Transform.get_class_type() == "tfx.components.transform.component.Transform"
    assert component.spec.exec_properties["preprocessing_fn"] == PREPROCESSING_FN
    assert component.spec.exec_properties["disable_statistics"] == 1
    assert made().with_id("Other").id == "Other"


def test_the_preprocessing_fn_is_there():
    module, _, name = PREPROCESSING_FN.rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_tfx_uses_the_names_that_are_replaced():
    """Otherwise Transform would go on as TFX's own, only slower."""
    assert "TransformProcessor" in executor.Executor.Do.__code__.co_names
    used = executor.TransformProcessor._RunBeamImpl.__code__.co_names
    assert "_EncodeAndWrite" in used
    assert "BeamSource" in used
    assert "_CreateTFXIO" in executor.TransformProcessor.Transform.__code__.co_names


def test_examples_are_read_in_blocks():
    schema = schema_pb2.Schema()
    schema.feature.add(name="text", type=schema_pb2.BYTES)
    dataset = SimpleNamespace(
        file_pattern="examples-*.gz",
        file_format=labels.FORMAT_TFRECORD,
        data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
        data_view_uri=None,
        telemetry_descriptors=["test"],
    )
    reader = BlockProcessor()._CreateTFXIO(dataset, schema)
    assert type(reader) is type(reader._ProjectImpl(["text"])) is _ExampleBlocks


def test_the_options_travel_in_the_custom_config():
    expected = {
        "tokenizer": "byte",
        "lowercase": True,
        "max_length": "auto",
        "vocabulary": {"kind": "words", "size": 10000, "min_count": None, "file": None, "from_": None, "grow": 0},
        "auto_limit": None,
        "context_tokens": 0,
        "normalization": "none",
    }
    assert custom_config(made(TextOptions(tokenizer="byte"))) == expected
    assert custom_config(made({"tokenizer": "byte"})) == expected
    assert TextOptions.from_custom_config(expected) == TextOptions(tokenizer="byte")


def test_an_edited_vocabulary_changes_the_fingerprint(tmp_path):
    file = tmp_path / "words.txt"
    for content in (b"one", b"two"):
        file.write_bytes(content)
        digest = custom_config(made({"vocabulary": {"file": str(file)}}))["vocabulary_digest"]
        assert digest == hashlib.sha256(content).hexdigest()[:16]


def test_a_vocabulary_that_is_edited_after_the_component_was_made_is_another_key_of_the_cache(tmp_path):
    """As on Airflow, where a pipeline is compiled once."""
    file = tmp_path / "words.txt"
    file.write_bytes(b"one")
    component = made({"vocabulary": {"file": str(file)}})
    properties = {name: value for name, value in component.spec.exec_properties.items() if value is not None}
    info = data_types.ExecutionInfo(input_dict={}, exec_properties=properties)
    before = component.DRIVER_CLASS(None).run(info).exec_properties
    assert before["custom_config"].string_value == properties["custom_config"]
    file.write_bytes(b"two")
    after = component.DRIVER_CLASS(None).run(info).exec_properties
    assert json.loads(after["custom_config"].string_value) == {
        **custom_config(component), "vocabulary_digest": hashlib.sha256(b"two").hexdigest()[:16]
    }  # fmt: skip
    assert {name: value for name, value in after.items() if name != "custom_config"} == {
        name: value for name, value in before.items() if name != "custom_config"
    }
    file.unlink()
    assert component.DRIVER_CLASS(None).run(info).exec_properties == before


def test_an_error_names_the_argument():
    with pytest.raises(SettingError, match="max_length=1: must be >= 2, or auto"):
        made({"max_length": 1})


def from_baseline(**vocabulary) -> dict:
    return TextOptions(vocabulary={"from": "baseline", **vocabulary}).model_dump(mode="json")


def test_the_vocabulary_of_a_model_needs_a_model():
    with pytest.raises(SettingError, match=r"^vocabulary_from=baseline: there is no model to take it from; give base_"):
        made({"vocabulary": {"from": "baseline"}})
    model = types.Channel(type=standard_artifacts.Model)
    component = TextTransform(
        types.Channel(type=standard_artifacts.Examples),
        types.Channel(type=standard_artifacts.Schema),
        {"vocabulary": {"from": "baseline", "grow": 5}},
        base_model=model,
    )
    assert component.inputs["base_model"] is model
    assert custom_config(component)["vocabulary"] == {
        "kind": "words", "size": 10000, "min_count": None, "file": None, "from_": "baseline", "grow": 5,
    }  # fmt: skip


def test_the_vocabulary_is_the_models_file(tmp_path):
    (tmp_path / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\na\n")
    write_token_identity(str(tmp_path), {"tokenizer": "word", "lowercase": True}, str(tmp_path / "vocabulary"))
    found = with_vocabulary(from_baseline(grow=5), str(tmp_path))["vocabulary"]
    assert found["file"] == f"{tmp_path}/assets/vocabulary"
    assert (found["from_"], found["grow"]) == (None, 5)
    options = TextOptions(tokenizer="byte", vocabulary={"from": "baseline"}).model_dump(mode="json")
    with pytest.raises(SettingError, match=r"has tokenizer=word, and the new model tokenizer=byte; set tokenizer=word"):
        with_vocabulary(options, str(tmp_path))
    with pytest.raises(
        SettingError, match=r"has vocabulary_kind=words, and the new model vocabulary_kind=subwords; set"
    ):
        with_vocabulary(from_baseline(kind="subwords"), str(tmp_path))
    with pytest.raises(SettingError, match="has no readable"):
        with_vocabulary(from_baseline(), str(tmp_path / "nowhere"))


def test_the_first_run_counts_its_own_words():
    found = with_vocabulary(from_baseline(grow=5, size=30), None)["vocabulary"]
    assert found == {"kind": "words", "size": 30, "min_count": None, "file": None, "from_": None, "grow": 0}


def test_without_the_setting_a_model_changes_nothing():
    given = TextOptions().model_dump(mode="json")
    assert with_vocabulary(given, "/served/1") is given


def test_the_executor_passes_the_models_file_and_the_digest_of_the_input(monkeypatch, tmp_path):
    model, transformed = standard_artifacts.Model(), standard_artifacts.Examples()
    model.uri = str(tmp_path)
    model.set_string_custom_property("examples_digest", "0123")
    model.set_string_custom_property("starting_model", "/serving/7")
    folder = tmp_path / "Format-Serving"
    folder.mkdir()
    (folder / "vocabulary").write_text("<pad>\n<unk>\n<s>\n</s>\na\n")
    write_token_identity(str(folder), {"tokenizer": "word", "lowercase": True}, str(folder / "vocabulary"))
    seen = []
    monkeypatch.setattr(text_transform_executor, "_do", lambda _, *arguments: seen.append(arguments))
    properties = {"custom_config": json.dumps(from_baseline(grow=5)), "preprocessing_fn": "a.b"}
    inputs, outputs = {"examples": [], "base_model": [model]}, {"transformed_examples": [transformed]}
    text_transform_executor.Executor().Do(inputs, outputs, properties)
    ((given, _, config),) = seen
    assert given == {"examples": []}
    assert json.loads(config["custom_config"])["vocabulary"]["file"] == f"{folder}/assets/vocabulary"
    assert config["preprocessing_fn"] == "a.b"
    assert transformed.get_string_custom_property("examples_digest") == "0123"
    assert transformed.get_string_custom_property("starting_model") == "/serving/7"

    # Without `vocabulary.from`, the model gives nothing but the digest.
    other = standard_artifacts.Examples()
    properties["custom_config"] = json.dumps(TextOptions().model_dump(mode="json"))
    text_transform_executor.Executor().Do(inputs, {"transformed_examples": [other]}, properties)
    assert other.get_string_custom_property("examples_digest") == "0123"
    assert not other.has_custom_property("starting_model")


def test_a_second_try_of_the_task_begins_with_empty_folders(monkeypatch, tmp_path):
    """As on Kubeflow, where no launcher empties them: what lies beside the new files would be trained on."""
    transformed = standard_artifacts.Examples()
    transformed.uri = str(tmp_path)
    left = tmp_path / "Split-train" / "transformed_examples-00001-of-00002.gz"
    left.parent.mkdir()
    left.touch()
    seen = []
    monkeypatch.setattr(text_transform_executor, "_do", lambda *arguments: seen.append(list(tmp_path.iterdir())))
    properties = {"custom_config": json.dumps(custom_config(made()))}
    text_transform_executor.Executor().Do({"examples": []}, {"transformed_examples": [transformed]}, properties)
    assert seen == [[]]


def test_the_digest_of_the_input_needs_no_model(monkeypatch):
    examples, transformed = standard_artifacts.Examples(), standard_artifacts.Examples()
    examples.set_string_custom_property("input_fingerprint", "X")
    channels = types.Channel(type=standard_artifacts.Examples), types.Channel(type=standard_artifacts.Schema)
    recording = custom_config(TextTransform(*channels, record_input=True))
    assert recording == custom_config(made()) | {"record_input": True}
    monkeypatch.setattr(text_transform_executor, "_do", lambda *arguments: None)
    for config, digest in ((recording, input_digest(["X"])), (custom_config(made()), None)):
        properties = {"custom_config": json.dumps(config)}
        outputs = {"transformed_examples": [transformed]}
        text_transform_executor.Executor().Do({"examples": [examples]}, outputs, properties)
        assert (transformed.get_string_custom_property("examples_digest") or None) == digest
        transformed = standard_artifacts.Examples()
