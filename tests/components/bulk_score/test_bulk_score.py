import json
import math
from pathlib import Path

import pytest
import tensorflow as tf
from helpers.evaluation_run import model_artifact
from tfx.types import artifact_utils, channel_utils, standard_artifacts
from tfx_lm.components import BulkScore
from tfx_lm.components.bulk_score.executor import SCORES_FILE, Executor
from tfx_lm.components.examples import read_records, split_files
from tfx_lm.errors import SettingError
from tfx_lm.exported import scoring
from tfx_lm.text_files.text import Text

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("models_loaded_once")]
TEXTS = {"train": [b"the cat", b"dog", b"the dog cat"] * 700, "eval": [b"the cat"]}
SCORES = ("log_probability", "tokens", "bytes", "oov_tokens", "truncated_tokens", "perplexity", "bits_per_byte")


def serialized(text: bytes, number: int, context: bytes = b"") -> bytes:
    example = tf.train.Example()
    example.features.feature["text"].bytes_list.value.append(text)
    if context:
        example.features.feature["context"].bytes_list.value.append(context)
    example.features.feature["number"].int64_list.value.append(number)
    return example.SerializeToString()


class BulkScoring:
    """A run of the component's executor."""

    def __init__(self, folder: Path, saved_model: str, texts=TEXTS, contexts=None, **arguments):
        examples = standard_artifacts.Examples()
        examples.uri = str(folder / "examples")
        examples.split_names = artifact_utils.encode_split_names(list(texts))
        for split, lines in texts.items():
            (folder / "examples" / f"Split-{split}").mkdir(parents=True)
            # One split compressed and one not.
            kind = "GZIP" if split == "train" else ""
            with tf.io.TFRecordWriter(str(folder / "examples" / f"Split-{split}" / "data"), kind) as writer:
                for number, line in enumerate(lines):
                    writer.write(serialized(line, number, *(contexts or {}).get(split, [])[number : number + 1]))
        inputs = {"examples": [examples], "model": [model_artifact(saved_model, folder / "model")]}
        component = BulkScore(**{key: channel_utils.as_channel(value) for key, value in inputs.items()}, **arguments)
        self.artifact = standard_artifacts.Examples()
        self.artifact.uri = str(folder / "scored")
        Executor().Do(inputs, {"scored_examples": [self.artifact]}, component.exec_properties)
        self.scores = json.loads((folder / "scored" / SCORES_FILE).read_text())

    def examples(self, split: str) -> list[dict]:
        """The features of each Example, in the order of their numbers."""
        rows = []
        for record in read_records(split_files([self.artifact], [split])).as_numpy_iterator():
            features = tf.train.Example.FromString(record).features.feature
            kinds = {name: getattr(one, one.WhichOneof("kind")).value for name, one in features.items()}
            rows.append({name: values[0] for name, values in kinds.items()})
        return sorted(rows, key=lambda row: row["number"])


def test_each_example_gets_the_scores_of_tfx_lm_score(bigram_model, tmp_path):
    # What a first try of the task has left.
    left = tmp_path / "scored" / "Split-eval" / "data_tfrecord-00001-of-00002.gz"
    left.parent.mkdir(parents=True)
    left.touch()
    run = BulkScoring(tmp_path, bigram_model)
    assert not left.exists()
    model = scoring.load_model(bigram_model)
    for split, lines in TEXTS.items():
        expected = [line.as_json() for line in scoring.score_lines(model, lines)]
        rows = run.examples(split)
        assert [row["text"] for row in rows] == lines
        for name in SCORES:
            assert [row[f"lm_{name}"] for row in rows] == pytest.approx([row[name] for row in expected], rel=1e-6)
        total = scoring.CorpusScore.merge(map(scoring.CorpusScore.from_line, scoring.score_lines(model, lines)))
        for part in ("scored", "kept"):
            assert run.scores[split][part] == pytest.approx(total.as_json(), rel=1e-9)
    # The cat: 3 bits in 8 bytes, by hand.
    (row,) = run.examples("eval")
    assert (row["lm_tokens"], row["lm_bytes"]) == (3, 8)
    assert row["lm_bits_per_byte"] == pytest.approx(3 / 8, rel=1e-6)
    assert json.loads(run.artifact.split_names) == ["train", "eval"]


def test_the_context_of_each_example_is_read(save_table_model, bigram_table, bigram_model, tmp_path, caplog):
    model = save_table_model(*bigram_table, context_tokens=3)
    contexts = {"train": [b"", b"the cat", b"the cat\ndog dog"]}
    run = BulkScoring(tmp_path / "run", model, {"train": TEXTS["train"][:3], "eval": [b"the cat"]}, contexts)
    texts = map(Text, range(3), TEXTS["train"], contexts["train"])
    expected = [line.sums.nll for line in scoring.score_texts(scoring.load_model(model), texts)]
    rows = run.examples("train")
    assert [-row["lm_log_probability"] for row in rows] == pytest.approx(expected)
    assert [row["lm_context_tokens"] for row in rows] == [0, 2, 3]
    assert [row["lm_context_tokens"] for row in run.examples("eval")] == [0]
    assert not [record for record in caplog.records if "context" in record.message]
    BulkScoring(tmp_path / "none", model, {"eval": [b"the cat"]})
    assert (
        "no Example has a text in the feature `context`, so each text was scored as the first of a document"
        in caplog.text
    )
    # A model that reads none leaves it out.
    rows = BulkScoring(tmp_path / "without", bigram_model, {"train": [b"dog"]}, {"train": [b"the"]}).examples("train")
    assert "lm_context_tokens" not in rows[0]


def test_only_what_fulfils_the_condition_is_kept(bigram_model, tmp_path):
    run = BulkScoring(tmp_path, bigram_model, keep="oov_tokens == 0", example_splits=["train"])
    assert {row["text"] for row in run.examples("train")} == {b"the cat"}
    assert (run.scores["train"]["scored"]["lines"], run.scores["train"]["kept"]["lines"]) == (2100, 700)
    assert json.loads(run.artifact.split_names) == ["train"]


def test_a_condition_that_keeps_nothing_is_an_error_with_the_scores(bigram_model, tmp_path):
    with pytest.raises(SettingError) as caught:
        BulkScoring(tmp_path, bigram_model, {"eval": [b"the cat"] * 3}, keep="perplexity > 1e6")
    assert str(caught.value) == (
        "keep='perplexity > 1e6': keeps none of the 3 records of split eval, whose perplexity is 2 and which have "
        "0.375 bits per byte together; set another keep"
    )


def test_a_text_that_is_missing_is_an_empty_line(bigram_model, tmp_path):
    run = BulkScoring(tmp_path, bigram_model, {"eval": [b""]})
    (row,) = run.examples("eval")
    assert (row["lm_tokens"], row["lm_bytes"]) == (1, 1)
    assert math.isfinite(row["lm_perplexity"])


def test_a_condition_is_checked_when_the_component_is_built(bigram_model, tmp_path):
    with pytest.raises(SettingError, match=r"^keep='surprisal < 2': `surprisal` is neither"):
        BulkScoring(tmp_path, bigram_model, {"eval": [b"a"]}, keep="surprisal < 2")
    assert not (tmp_path / "scored").exists()
