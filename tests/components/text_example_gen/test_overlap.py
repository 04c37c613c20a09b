"""How many held-out lines are also trained on."""

import itertools
import json

import pytest
from tfx_lm.components.text_example_gen import overlap, to_examples
from tfx_lm.components.text_example_gen.overlap import LineDigests, line_digest

TRAIN = ["the cat", "the dog", "the cat", "the cow", ""]
EVAL = ["the cat", " the dog ", "the cat", "a bird", "", "  ", "a bird"]
TEST = ["the cow", "a bird", "The Cat"]


def also_trained(blocks):
    """Counts as the pipeline does, with blocks in the given order."""
    of_bucket = {}
    for bucket, block in blocks:
        of_bucket.setdefault(bucket, []).append(block)
    total = overlap.Counts.merge(overlap._also_trained(*item) for item in of_bucket.items())
    return total.also_trained


def blocks_of(**lines):
    digests = LineDigests()
    for split, texts in lines.items():
        for text in texts:
            digests.add(split, text)
    return digests.take()


def test_the_digest_of_a_line():
    assert line_digest("the cat").hex() == "7203293719e4a3efb9ec20e2c682397f"
    assert line_digest("\tthe cat ") == line_digest("the cat")
    assert line_digest("The cat") != line_digest("the cat")


def test_a_block_holds_a_trained_line_once_and_a_held_out_line_as_often_as_it_is_there():
    blocks = blocks_of(train=["the cat"] * 3, eval=["the cat"] * 2)
    bucket = int.from_bytes(line_digest("the cat")[:2], "big") % 1024
    assert blocks == [(bucket, ("train", line_digest("the cat"))), (bucket, ("eval", line_digest("the cat") * 2))]


def test_neither_order_nor_grouping_matters():
    parts = [
        blocks_of(train=["a", "b"]),
        blocks_of(eval=["a", "c", "a"], test=["b"]),
        blocks_of(train=["a"], eval=["b"]),
    ]
    for order in itertools.permutations(parts):
        assert also_trained(itertools.chain(*order)) == {"eval": 3, "test": 1}


def test_it_is_full_after_a_number_of_lines_and_then_empty(monkeypatch):
    monkeypatch.setattr(overlap, "_DIGESTS_HELD", 2)
    digests = LineDigests()
    digests.add("train", "a")
    assert not digests.full
    digests.add("train", "a")
    assert digests.full
    assert len(digests.take()) == 1
    assert not digests.full
    assert digests.take() == []


@pytest.mark.slow
@pytest.mark.parametrize("held", [2, 2**16])
def test_the_pipeline_counts_each_held_out_split(run_component, tmp_path, monkeypatch, held):
    monkeypatch.setattr(overlap, "_DIGESTS_HELD", held)
    splits = {}
    for name, lines in {"eval": EVAL, "train": TRAIN, "test": TEST}.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n")
        splits[name] = [str(tmp_path / f"{name}.txt")]
    output = run_component(splits=splits)
    assert json.loads((output.folder / "counts.json").read_text())["also_trained"] == {"eval": 3, "test": 1}
    assert [output.count(f"also_trained_{name}") for name in ("eval", "test")] == [3, 1]
    assert [output.count(f"examples_{name}") for name in ("train", "eval", "test")] == [4, 5, 3]
    assert "also_trained_train" not in output.artifact.mlmd_artifact.custom_properties
    # The Examples are what they would be without a count.
    assert output.texts("eval") == [line.encode() for line in EVAL if line.strip()]


@pytest.mark.slow
def test_no_overlap_is_counted_as_zero(run_component, tmp_path):
    (tmp_path / "x.txt").write_text("the cat\n")
    (tmp_path / "y.jsonl").write_text('{"text": "a bird"}\n')
    output = run_component(splits={"train": [str(tmp_path / "x.txt")], "eval": [str(tmp_path / "y.jsonl")]})
    assert output.artifact.mlmd_artifact.custom_properties["also_trained_eval"].int_value == 0
    assert "also_trained_eval" in output.artifact.mlmd_artifact.custom_properties


@pytest.mark.slow
def test_the_split_by_content_makes_no_digests(run_component, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("no line needs a digest")

    monkeypatch.setattr(overlap, "line_digest", refuse)
    monkeypatch.setattr(to_examples.LineDigests, "add", refuse)
    (tmp_path / "x.txt").write_text("".join(f"line {number}\n" for number in range(100)) * 2)
    output = run_component([tmp_path / "x.txt"])
    assert json.loads((output.folder / "counts.json").read_text())["also_trained"] == {}
    assert output.count("lines") == 200
