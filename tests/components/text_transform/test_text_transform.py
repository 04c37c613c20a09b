"""TextTransform is TFX's Transform, with the options of the text put in."""

import hashlib
import json
from types import SimpleNamespace

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.transform import executor, labels
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.v1.components import Transform
from tfx_lm.components.text_transform.compat import BlockProcessor, _ExampleBlocks
from tfx_lm.components.text_transform.component import PREPROCESSING_FN, TextTransform
from tfx_lm.errors import SettingError
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
        "vocabulary": {"kind": "words", "size": 10000, "min_count": None, "file": None},
        "auto_limit": None,
        "context_tokens": 0,
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


def test_an_error_names_the_argument():
    with pytest.raises(SettingError, match="max_length=1: must be >= 2, or auto"):
        made({"max_length": 1})
