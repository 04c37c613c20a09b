import math

import pytest
import tensorflow as tf
from helpers.examples import write_records
from tfx_lm.pipelines.results import pieces
from tfx_lm.transform.pieces import FIXED_PIECES
from tfx_lm.transform.preprocessing import IDS
from tfx_lm.transform.vocabulary import RESERVED

VOCABULARY = [*RESERVED, *(piece.decode() for piece in FIXED_PIECES), "▁(", "▁cat", "s", ")", "cat"]


def record(row: str) -> bytes:
    ids = tf.train.Int64List(value=[VOCABULARY.index(piece) for piece in row.split()])
    return tf.train.Example(
        features=tf.train.Features(feature={IDS: tf.train.Feature(int64_list=ids)})
    ).SerializeToString()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # (, cats and ); cats; s, since a line begins with it.
        (["▁( cat s )", "▁cat s", "", "s"], 7 / 5),
        ([""], math.nan),
    ],
)
def test_the_words_behind_brackets_are_counted(tmp_path, monkeypatch, rows, expected):
    monkeypatch.setattr(pieces, "vocabulary_file", lambda graph: graph)
    (tmp_path / "vocabulary").write_text("\n".join(VOCABULARY) + "\n")
    # A killed Beam step leaves such a folder beside the files.
    (tmp_path / "Split-eval" / "beam-temp-x").mkdir(parents=True)
    write_records(tmp_path / "Split-eval" / "1.gz", map(record, rows))
    found = pieces.held_out_pieces_per_word(str(tmp_path), str(tmp_path / "vocabulary"))
    assert found == pytest.approx(expected, nan_ok=True)


def test_examples_that_are_gone_are_no_empty_text(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "vocabulary_file", lambda graph: graph)
    (tmp_path / "vocabulary").write_text("\n".join(VOCABULARY) + "\n")
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path}/Split-eval: has no files$"):
        pieces.held_out_pieces_per_word(str(tmp_path), str(tmp_path / "vocabulary"))
