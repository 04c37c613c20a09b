"""What the driver hands to TFX: patterns without markers, and a cache that knows the same spans again."""

import json

import pytest
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.utils import proto_utils
from tfx_lm.components.text_example_gen.component import TextExampleGen
from tfx_lm.components.text_example_gen.driver import resolve
from tfx_lm.components.text_example_gen.input_config import ExecutorOptions
from tfx_lm.errors import SettingError
from tfx_lm.text_files.errors import InputError


@pytest.fixture
def corpus(tmp_path):
    for span in (1, 2, 3):
        (tmp_path / f"{span}").mkdir()
        (tmp_path / f"{span}/x.txt").write_text("the cat\n" * span)
    (tmp_path / "heldout.txt").write_text("a dog\n")
    return tmp_path


def resolved(component, **properties):
    given = {
        name: proto_utils.proto_to_json(value) if hasattr(value, "DESCRIPTOR") else value
        for name, value in component.spec.exec_properties.items()
    }
    return resolve({**given, **properties})


def patterns(exec_properties):
    config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties["input_config"], config)
    return {split.name: split.pattern for split in config.splits}


def test_one_span_keeps_the_names_of_the_inputs(corpus):
    found = resolved(TextExampleGen.from_files(f"{corpus}/{{SPAN}}/*.txt"))
    assert patterns(found) == {"files": "3/*.txt"}
    assert (found["span"], found["version"]) == (3, None)
    assert json.loads(found["spans"]) == [{"span": 3, "version": None, "date": None}]
    assert found["input_fingerprint"].startswith("split:files,num_files:1,total_bytes:24,")


def test_each_span_is_an_input_of_its_split_beside_a_split_without_spans(corpus):
    splits = {"train": f"{corpus}/{{SPAN}}/*.txt", "eval": f"{corpus}/heldout.txt"}
    found = resolved(TextExampleGen.from_files(splits=splits, span_window=2))
    assert patterns(found) == {"train-span-2": "2/*.txt", "train-span-3": "3/*.txt", "eval": "heldout.txt"}
    options = ExecutorOptions.from_json(found["custom_config"])
    assert options.input_splits == {"train-span-2": "train", "train-span-3": "train", "eval": "eval"}
    assert found["input_fingerprint"].count("split:") == 3


def test_the_same_spans_are_the_same_however_they_were_asked_for(corpus):
    files = f"{corpus}/{{SPAN}}/*.txt"
    window = resolved(TextExampleGen.from_files(files, span_window=2))
    assert resolved(TextExampleGen.from_files(files, spans=[2, 3])) == window
    assert resolved(TextExampleGen.from_files(files, spans=3, span_window=2)) == window
    assert resolved(TextExampleGen.from_files(files, span_window=2), spans="3") == window
    assert resolved(TextExampleGen.from_files(files), spans="2,3") == window
    (corpus / "4").mkdir()
    (corpus / "4/x.txt").write_text("new\n")
    assert resolved(TextExampleGen.from_files(files, span_window=2)) != window
    assert resolved(TextExampleGen.from_files(files, span_window=2), spans="3") == window


@pytest.mark.parametrize(
    ("of_range", "spans"),
    [
        ({"static_range": {"start_span_number": 1, "end_span_number": 2}}, [1, 2]),
        ({"rolling_range": {"num_spans": 2}}, [2, 3]),
        ({"rolling_range": {"num_spans": 3, "start_span_number": 3}}, [3]),
    ],
)
def test_ranges_of_tfx(corpus, of_range, spans):
    inputs = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern="{SPAN}/*.txt")])
    component = TextExampleGen(str(corpus), inputs, range_config=range_config_pb2.RangeConfig(**of_range))
    assert [read["span"] for read in json.loads(resolved(component)["spans"])] == spans


def test_without_markers_nothing_changes(corpus):
    component = TextExampleGen.from_files(f"{corpus}/1/*.txt")
    found = resolved(component)
    assert patterns(found) == {"files": "*.txt"}
    assert (found["span"], found["version"], "spans" in found) == (0, None, False)


@pytest.mark.parametrize("asked", ["range_config", "spans"])
def test_spans_cannot_be_chosen_where_no_pattern_has_any(corpus, asked):
    inputs = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern="1/*.txt")])
    rolling = range_config_pb2.RangeConfig(rolling_range={"num_spans": 2})
    chosen = {"range_config": rolling} if asked == "range_config" else {"spans": "3"}
    with pytest.raises(SettingError, match=f"^{asked}: no pattern of input_config has {{SPAN}}, or"):
        TextExampleGen(str(corpus), inputs, **chosen)
    TextExampleGen(str(corpus), inputs, range_config=range_config_pb2.RangeConfig(), spans="")


def test_a_refusal_names_the_setting(corpus):
    splits = {"train": f"{corpus}/{{SPAN}}/*.txt", "eval": f"{corpus}/{{SPAN}}/eval.txt"}
    with pytest.raises(InputError, match=r"^splits\.eval: no file of span 3 matches \(in .*/3\); it seems to be half"):
        resolved(TextExampleGen.from_files(splits=splits))


def test_a_span_without_text_is_refused(corpus):
    (corpus / "2/x.txt").write_text("\n \n")
    with pytest.raises(InputError, match=r"^files: span 2 is empty: .*/2/x\.txt has only empty lines"):
        resolved(TextExampleGen.from_files(f"{corpus}/{{SPAN}}/*.txt", span_window=2))
    (corpus / "2/y.txt").write_text("a dog\n")
    resolved(TextExampleGen.from_files(f"{corpus}/{{SPAN}}/*.txt", span_window=2))


def test_an_input_with_the_name_of_a_span_of_another(corpus):
    splits = {"a": f"{corpus}/{{SPAN}}/*.txt", "a-span-3": f"{corpus}/heldout.txt"}
    with pytest.raises(InputError, match="splits: a-span-3 is the name of two inputs; rename a split"):
        resolved(TextExampleGen.from_files(splits=splits, span_window=2))


def test_a_file_that_was_hidden_and_is_read_now_is_another_input(corpus):
    """As with a file that is written under a hidden name, and then renamed."""
    (corpus / "3/.y.txt").write_text("new\n")
    component = TextExampleGen.from_files(f"{corpus}/3/*.txt")
    hidden = resolved(component)["input_fingerprint"]
    assert resolved(component)["input_fingerprint"] == hidden
    (corpus / "3/.y.txt").rename(corpus / "3/y.txt")
    read = resolved(component)["input_fingerprint"]
    assert read.startswith("split:files,num_files:2,total_bytes:28,")
    assert read != hidden
    assert "names" not in read


def test_a_file_that_is_read_as_a_table_now_is_another_input(corpus):
    component = TextExampleGen.from_files(f"{corpus}/3/*")
    as_text = resolved(component)["input_fingerprint"]
    assert "names" not in as_text
    (corpus / "3/x.txt").rename(corpus / "3/x.csv")
    assert resolved(component)["input_fingerprint"] != as_text
    # A pattern of one kind of files can match no other.
    assert "names" not in resolved(TextExampleGen.from_files(f"{corpus}/3/*.csv"))["input_fingerprint"]


def test_the_fingerprint_has_the_names_that_the_examples_have(corpus):
    (corpus / "3/y.txt").write_text("new\n")
    named, unnamed = (TextExampleGen.from_files(f"{corpus}/3/*.txt", file_feature=given) for given in (True, False))
    before, plain = resolved(named)["input_fingerprint"], resolved(unnamed)["input_fingerprint"]
    assert resolved(named)["input_fingerprint"] == before
    (corpus / "3/x.txt").rename(corpus / "3/z.txt")
    renamed = resolved(named)["input_fingerprint"]
    (corpus / "3/y.txt").rename(corpus / "3/x.txt")
    (corpus / "3/z.txt").rename(corpus / "3/y.txt")
    exchanged = resolved(named)["input_fingerprint"]
    assert len({before, renamed, exchanged}) == 3
    assert resolved(unnamed)["input_fingerprint"] == plain
