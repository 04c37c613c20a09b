import gzip
import json
import os

import pyarrow
import pyarrow.parquet
import pytest
from tfx.components.util import examples_utils
from tfx_lm import progress
from tfx_lm.components.text_example_gen.splitting import HashSplit
from tfx_lm.text_files.errors import InputError

pytestmark = pytest.mark.slow


def test_every_type_and_every_kind_of_line(run_component, tmp_path):
    megabyte = b"x" * 2**20
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfthe cat\r\n\n \t\nno\x00 end\n" + megabyte + b"\nlast")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("猫が座った\n🐈\n\u3000\n".encode()))
    (tmp_path / "c.jsonl").write_text('{"id": 1, "text": "in json"}\n\n{"text": "", "id": 2}\n')
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(b'{"text": "two\\nlines"}\n'))
    table = pyarrow.table({"id": [1, 2, 3], "text": ["in parquet", None, " spaces kept "]})
    pyarrow.parquet.write_table(table, tmp_path / "e.parquet")
    (tmp_path / "valid.txt").write_text("held out\n")
    (tmp_path / ".hidden.csv").write_text("not meant\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "b.folder.txt").mkdir()

    splits = {"train": [str(tmp_path / "[a-e].*"), str(tmp_path / "a.txt")], "eval": [str(tmp_path / "val*")]}
    said = []
    with progress.listening(lambda text, fraction: said.append(text)):
        output = run_component(splits=splits)

    assert output.texts("train") == [
        b"the cat",
        b"no\x00 end",
        megabyte,
        b"last",
        "猫が座った".encode(),
        "🐈".encode(),
        b"in json",
        b"two\nlines",
        b"in parquet",
        b" spaces kept ",
    ]
    assert output.texts("eval") == [b"held out"]
    assert output.artifact.split_names == '["train", "eval"]'
    assert examples_utils.get_payload_format_string(output.artifact) == "FORMAT_TF_EXAMPLE"
    assert examples_utils.get_file_format(output.artifact) == "tfrecords_gzip"
    assert output.count("lines") == 17
    assert output.count("empty_lines_dropped") == 6
    assert output.count("invalid_utf8_dropped") == 0
    assert output.count("examples_train") == 10
    assert output.count("examples_eval") == 1
    assert json.loads((output.folder / "counts.json").read_text())["lines"] == 17
    assert sorted(path.name for path in output.folder.iterdir()) == ["Split-eval", "Split-train", "counts.json"]
    assert said == ["reading 6 files", "train 10 lines, eval 1 lines"]


def test_without_a_driver_the_executor_finds_the_spans(run_component, tmp_path):
    for span in (1, 2, 3):
        (tmp_path / f"span-{span}.txt").write_text(f"in {span}\n")
    (tmp_path / "heldout.txt").write_text("held out\n")
    splits = {"train": [str(tmp_path / "span-{SPAN}.txt")], "eval": [str(tmp_path / "heldout.txt")]}
    output = run_component(splits=splits, spans="2,3")
    assert output.texts("train") == [b"in 2", b"in 3"]
    assert output.texts("eval") == [b"held out"]
    assert output.count("span") == 3
    assert json.loads(output.artifact.get_string_custom_property("spans")) == [
        {"span": 2, "version": None, "date": None},
        {"span": 3, "version": None, "date": None},
    ]
    assert "split:train-span-2,num_files:1" in output.artifact.get_string_custom_property("input_fingerprint")


def test_the_digest_of_the_content_is_recorded(run_component, tmp_path):
    paths = [tmp_path / "train.txt", tmp_path / "eval.txt"]
    splits = {"train": [str(paths[0])], "eval": [str(paths[1])]}

    def digest(*texts):
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return run_component(splits=splits).artifact.get_string_custom_property("content_digest")

    first = digest("a b\n", "c\n")
    assert len(first) == 16
    os.utime(paths[0], (1, 1))
    assert digest("a b\n", "c\n") == first
    assert digest("a c\n", "c\n") != first


def test_the_file_is_a_feature_if_it_is_asked_for(run_component, tmp_path):
    (tmp_path / "held-out").mkdir()
    for name, line in (("train.txt", "a b"), ("held-out/old.txt", "c"), ("held-out/new.txt", "d")):
        (tmp_path / name).write_text(f"{line}\n")
    splits = {"train": [str(tmp_path / "train.txt")], "eval": [str(tmp_path / "held-out" / "*.txt")]}
    output = run_component(splits=splits, file_feature=True)
    assert output.values("train", "text", "file") == [(b"a b", b"train.txt")]
    assert sorted(output.values("eval", "text", "file")) == [(b"c", b"held-out/old.txt"), (b"d", b"held-out/new.txt")]


def test_hidden_folders_that_a_wildcard_matches_are_left_out(run_component, tmp_path):
    for folder in ("one", ".ipynb_checkpoints", ".asked"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text(f"in {folder}\n")
    output = run_component(splits={"train": [str(tmp_path / "*" / "*.txt")], "eval": [str(tmp_path / ".a*" / "x.txt")]})
    assert output.texts("train") == [b"in one"]
    assert output.texts("eval") == [b"in .asked"]


def test_folders_whose_names_are_patterns(run_component, tmp_path, monkeypatch):
    for folder in ("run[1]", "run1", "why?", "whys", "a*b", "a_b"):
        (tmp_path / folder / "of").mkdir(parents=True)
        (tmp_path / folder / "of" / "x[1].txt").write_text(f"in {folder}\n")
    monkeypatch.chdir(tmp_path / "a*b")
    train = [str(tmp_path / "run[1]" / "*" / "*.txt"), "**/*.txt"]
    output = run_component(splits={"train": train, "eval": [str(tmp_path / "why?" / "of" / "x[1].txt")]})
    assert sorted(output.texts("train")) == [b"in a*b", b"in run[1]"]
    assert output.texts("eval") == [b"in why?"]


def test_content_split_of_several_files(run_component, tmp_path):
    lines = [f"line number {number}" for number in range(1500)]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "x.txt").write_text("\n".join(lines[:1000] + lines[:50]) + "\n")
    (tmp_path / "y.jsonl").write_text("".join(json.dumps({"text": line}) + "\n" for line in lines[900:]))
    files = [tmp_path / "one" / "*.txt", tmp_path / "y.jsonl"]
    buckets = {"train": 8, "eval": 1, "test": 1}
    output = run_component(files, hash_buckets=buckets)

    expected = {name: [] for name in buckets}
    split = HashSplit(buckets)
    for line in lines[:1000] + lines[:50] + lines[900:]:
        expected[split.split_of(line)].append(line.encode())
    # In the order of the input; a line that is there twice is twice in one split.
    assert {name: output.texts(name) for name in buckets} == expected
    assert not set(expected["train"]) & set(expected["eval"])
    assert [output.count(f"examples_{name}") for name in buckets] == [len(of) for of in expected.values()]

    again = run_component(files, hash_buckets=buckets)
    for name in buckets:
        assert [p.read_bytes() for p in again.files(name)] == [p.read_bytes() for p in output.files(name)]


@pytest.mark.slow
def test_lines_of_a_record_have_its_context(run_component, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "a cat\\n\\nit sat"}\n{"text": null}\n{"text": "alone"}\n')
    table = pyarrow.table({"text": ["one\ntwo\nthree"]})
    pyarrow.parquet.write_table(table, tmp_path / "b.parquet")
    splits = {"train": [str(tmp_path / "a.jsonl")], "eval": [str(tmp_path / "b.parquet")]}
    output = run_component(splits=splits, documents="record", context_tokens=2)
    assert output.values("train", "text", "context") == [(b"a cat", b""), (b"it sat", b"a cat"), (b"alone", b"")]
    assert output.values("eval", "text", "context") == [(b"one", b""), (b"two", b"one"), (b"three", b"one\ntwo")]
    assert output.artifact.get_string_custom_property("documents") == "record"


def test_a_file_is_a_document_that_is_in_one_split(run_component, tmp_path):
    for number in range(8):
        (tmp_path / f"{number}.txt").write_text(f"{number} cafe\u0301\n\n{number} cat\n")
    output = run_component(
        files=[tmp_path / "*.txt"], hash_buckets={"train": 1, "eval": 1}, documents="file", context_tokens=9,
        normalization="nfc",
    )  # fmt: skip
    both = [output.values(split, "text", "context") for split in ("train", "eval")]
    assert all(both)
    for split in both:
        for first, second in zip(split[::2], split[1::2], strict=True):
            number = first[0][:1].decode()
            assert first == (f"{number} caf\u00e9".encode(), b"")
            assert second == (f"{number} cat".encode(), first[0])
    assert sum(map(len, both)) == 16


def test_both_forms_of_a_line_are_in_one_split(run_component, tmp_path):
    (tmp_path / "x.txt").write_text(
        "".join(f"{word} {number}\n" for number in range(9) for word in ("\u00e9", "e\u0301"))
    )
    files = [tmp_path / "x.txt"]
    output = run_component(files=files, hash_buckets={"train": 1, "eval": 1}, normalization="nfc")
    for split in ("train", "eval"):
        texts = output.texts(split)
        assert texts[::2] == texts[1::2] != []
    assert output.artifact.get_string_custom_property("normalization") == "nfc"
    as_it_is = run_component(files=files, hash_buckets={"train": 1, "eval": 1})
    assert as_it_is.artifact.get_string_custom_property("normalization") == "none"


def test_two_workers_read_the_same_lines(run_component, tmp_path):
    # Beam splits files of more than a mebibyte.
    lines = [f"{number} " + "word " * 200 for number in range(1_500)]
    (tmp_path / "x.txt").write_text("\n".join(lines))
    beam_args = ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]
    output = run_component([tmp_path / "x.txt"], beam_args=beam_args)
    assert sorted(output.texts("train") + output.texts("eval")) == sorted(line.encode() for line in lines)
    assert output.count("lines") == output.count("examples_train") + output.count("examples_eval") == 1_500


BROKEN = {
    "a.txt": b"good\ncaf\xe9\nbad \xff\n",
    "b.jsonl": b'{"text": "good"}\n{"text": 3}\n{oops\n',
    "c.txt.gz": gzip.compress(b"good\n" * 100)[:-9],
    "d.txt": b"x" * (17 * 2**20),
}


def test_everything_wrong_is_named_and_nothing_is_left(run_component, tmp_path):
    for name, content in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        run_component([tmp_path / name for name in BROKEN])
    lines = str(refused.value).splitlines()
    assert lines[0].startswith(f"{tmp_path}/c.txt.gz: not a complete gzip file (")
    assert sorted(lines[1:]) == sorted(
        [
            f"2 lines not valid UTF-8: {tmp_path}/a.txt line 2, {tmp_path}/a.txt line 3; "
            "repair the text, or set invalid_utf8 to drop",
            f"1 line without a string in field 'text' (1 of 2 records have one): {tmp_path}/b.jsonl line 2; "
            "repair the others, or set invalid_records to drop",
            f"1 line not valid JSON: {tmp_path}/b.jsonl line 3; each line must hold one JSON object; "
            "repair the file, or set invalid_records to drop",
            f"1 line longer than 16 MiB: {tmp_path}/d.txt line 1; "
            "a line is one example: break the text into sentences or paragraphs, or set invalid_records to drop",
        ]
    )
    assert list((tmp_path / "output-1").iterdir()) == []


def test_invalid_utf8_is_dropped_and_counted(run_component, tmp_path):
    (tmp_path / "x.txt").write_bytes(BROKEN["a.txt"] + b"better\n")
    (tmp_path / "y.jsonl").write_bytes(b'{"body": "\\ud800"}\n{"body": "held out"}\n')
    splits = {"train": [str(tmp_path / "x.txt")], "eval": [str(tmp_path / "y.jsonl")]}
    output = run_component(splits=splits, invalid_utf8="drop", text_field="body")
    assert output.texts("train") == [b"good", b"better"]
    assert output.texts("eval") == [b"held out"]
    assert output.count("invalid_utf8_dropped") == 3
    assert output.count("lines") == 6
    assert output.artifact.get_string_custom_property("text_field") == "body"


def test_records_without_text_are_dropped_and_counted(run_component, tmp_path):
    (tmp_path / "x.jsonl").write_bytes(BROKEN["b.jsonl"] + b'{"text": null}\n{}\n')
    (tmp_path / "y.csv").write_bytes(b'id,text\n1,"held, ""out""\nfor long"\n2\n')
    splits = {"train": [str(tmp_path / "x.jsonl")], "eval": [str(tmp_path / "y.csv")]}
    output = run_component(splits=splits, invalid_records="drop")
    assert output.texts("train") == [b"good"]
    assert output.texts("eval") == [b'held, "out"\nfor long']
    assert output.count("invalid_records_dropped") == 4
    assert output.count("empty_lines_dropped") == 1
    assert output.count("lines") == 7


def test_an_empty_split_is_refused(run_component, tmp_path):
    (tmp_path / "x.txt").write_text("the cat\n")
    (tmp_path / "y.txt").write_text("")
    splits = {"train": [str(tmp_path / "x.txt")], "eval": [str(tmp_path / "y.txt")]}
    with pytest.raises(InputError, match=r"split eval is empty \(1 lines read"):
        run_component(splits=splits)
    assert list((tmp_path / "output-1").iterdir()) == []


def test_files_are_checked_before_the_pipeline(run_component, tmp_path):
    with pytest.raises(InputError, match=r"\*\.txt: no file matches"):
        run_component([tmp_path / "*.txt"])
    (tmp_path / "ptb.train").write_text("the cat\n")
    with pytest.raises(InputError, match=r"rename it to ptb\.train\.txt"):
        run_component([tmp_path / "ptb.*"])


def test_a_file_in_two_splits_is_refused(run_component, tmp_path):
    (tmp_path / "x.txt").write_text("the cat\n")
    with pytest.raises(InputError) as refused:
        run_component(splits={"train": [str(tmp_path / "x.txt")], "eval": [str(tmp_path / "*.txt")]})
    assert str(refused.value) == (
        f"splits: {tmp_path}/x.txt is in train and in eval, so that both have all its lines; give each split files "
        "of its own"
    )


def test_two_stars_match_files_at_every_depth(run_component, tmp_path):
    for folder in (".", "one", "one/two", "one/two/three/four"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "x.txt").write_text(f"in {folder}\n")
    (tmp_path / "y.txt").write_text("held out\n")
    held_out = ["y.txt", "**/*.jsonl", "z*"]
    splits = {"train": [f"{tmp_path}/**/x.txt"], "eval": [f"{tmp_path}/{pattern}" for pattern in held_out]}
    output = run_component(splits=splits)
    assert output.texts("train") == [b"in .", b"in one", b"in one/two", b"in one/two/three/four"]
    unmatched = output.artifact.get_string_custom_property("unmatched_patterns")
    assert unmatched.splitlines() == [f"{tmp_path}/*.jsonl", f"{tmp_path}/z*"]


def test_a_missing_file_is_an_error_beside_others(run_component, tmp_path):
    (tmp_path / "x.txt").write_text("the cat\n")
    with pytest.raises(InputError, match=r"missing\.txt: no file matches"):
        run_component([tmp_path / "x.txt", tmp_path / "missing.txt"])
