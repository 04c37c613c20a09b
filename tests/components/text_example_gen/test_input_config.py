import pytest
from tfx.utils import proto_utils
from tfx.v1 import proto
from tfx_lm.components.text_example_gen.component import TextExampleGen
from tfx_lm.components.text_example_gen.input_config import ExecutorOptions, input_base_and_config
from tfx_lm.errors import SettingError


def _inputs(input_config):
    return {split.name: split.pattern for split in input_config.splits}


def _outputs(output_config):
    return {split.name: split.hash_buckets for split in output_config.split_config.splits}


def test_one_pattern_split_by_content():
    base, input_config, output_config, input_splits = input_base_and_config(["/a/*.txt"], None, {"train": 9, "eval": 1})
    assert (base, _inputs(input_config), input_splits) == ("/a", {"files": "*.txt"}, {})
    assert _outputs(output_config) == {"train": 9, "eval": 1}


def test_several_patterns_split_by_content():
    base, input_config, output_config, input_splits = input_base_and_config(
        ["/a/b/x.txt", "/a/c/*.jsonl"], None, {"train": 9, "eval": 1}
    )
    assert (base, _inputs(input_config)) == ("/a", {"files-0": "b/x.txt", "files-1": "c/*.jsonl"})
    assert list(_outputs(output_config)) == ["train", "eval"]
    assert input_splits == {}


def test_the_input_brings_its_own_splits():
    base, input_config, output_config, input_splits = input_base_and_config(
        None, {"train": ("/a/x.txt", "/a/y/*.txt"), "eval": ("/a/z.txt",)}, {}
    )
    assert base == "/a"
    assert _inputs(input_config) == {"train-0": "x.txt", "train-1": "y/*.txt", "eval": "z.txt"}
    assert _outputs(output_config) == {}
    assert input_splits == {"train-0": "train", "train-1": "train", "eval": "eval"}


@pytest.mark.parametrize(
    ("files", "splits", "buckets", "message"),
    [
        (None, None, {"train": 1}, "set exactly one of files and splits"),
        (["x.txt"], {"train": ["x.txt"]}, {"train": 1}, "set exactly one of files and splits"),
        (["x.txt"], None, {}, "hash_buckets="),
        (["x.txt"], None, {"train": 0}, "hash_buckets="),
        (None, {"train": []}, {}, "no file given"),
        (None, {"a": ["x.txt", "y.txt"], "a-0": ["z.txt"]}, {}, "a-0 is the name of two inputs"),
        (["gs://a/x.txt", "/b/x.txt"], None, {"train": 1}, "different file systems"),
    ],
)
def test_what_cannot_be_configured(files, splits, buckets, message):
    with pytest.raises(ValueError, match=message):
        input_base_and_config(files, splits, buckets)


def test_options_travel_in_the_custom_config():
    options = ExecutorOptions(invalid_utf8="drop", text_field="body", input_splits={"train-0": "train"})
    assert ExecutorOptions.from_json(proto_utils.proto_to_json(options.to_custom_config())) == options
    assert ExecutorOptions.from_json(None) == ExecutorOptions(invalid_utf8="error", text_field="text", input_splits={})


def test_bad_options_name_the_remedy():
    with pytest.raises(ValueError, match=r"invalid_utf8=ignore: must be one of 'error' or 'drop'; set invalid_utf8"):
        TextExampleGen("/a", invalid_utf8="ignore")
    with pytest.raises(ValueError, match=r"set text_field"):
        TextExampleGen("/a", text_field="")
    with pytest.raises(ValueError, match="train-0 not among the input splits"):
        TextExampleGen("/a", input_splits={"train-0": "train"})


def test_defaults_are_those_of_tfx():
    properties = TextExampleGen("/a").spec.exec_properties
    input_config, output_config = proto.Input(), proto.Output()
    proto_utils.json_to_proto(properties["input_config"], input_config)
    proto_utils.json_to_proto(properties["output_config"], output_config)
    assert _inputs(input_config) == {"single_split": "*"}
    assert _outputs(output_config) == {"train": 2, "eval": 1}


def test_from_files_splits_by_content():
    component = TextExampleGen.from_files("/a/*.txt", eval_percent=20, invalid_utf8="drop")
    properties = component.spec.exec_properties
    input_config, output_config = proto.Input(), proto.Output()
    proto_utils.json_to_proto(properties["input_config"], input_config)
    proto_utils.json_to_proto(properties["output_config"], output_config)
    assert properties["input_base"] == "/a"
    assert _inputs(input_config) == {"files": "*.txt"}
    assert _outputs(output_config) == {"train": 80, "eval": 20}
    options = ExecutorOptions.from_json(properties["custom_config"])
    assert options == ExecutorOptions(invalid_utf8="drop", text_field="text", input_splits={})


def test_from_files_keeps_the_splits_of_a_corpus():
    component = TextExampleGen.from_files(splits={"train": ["/a/x.txt", "/a/y.txt"], "test": "/a/z.txt"})
    options = ExecutorOptions.from_json(component.spec.exec_properties["custom_config"])
    assert options.input_splits == {"train-0": "train", "train-1": "train", "test": "test"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "set exactly one of files and splits"),
        ({"files": "/a", "splits": {"train": "/b"}}, "files and splits are both set; keep one of them"),
        ({"files": "/a", "eval_percent": 100}, "eval_percent=100: must be <= 99; set eval_percent"),
        ({"files": ["gs://a/x.txt", "/b/{x}.txt"]}, "files: input files on different file systems"),
    ],
)
def test_from_files_names_its_arguments(arguments, message):
    with pytest.raises(SettingError, match=message):
        TextExampleGen.from_files(**arguments)
