"""Whole words that follow a text, from pieces of words."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from tfx_lm.exported import completion
from tfx_lm.exported.next_words import PIECES_OF_A_WORD, next_words
from tfx_lm.exported.token_identity import FILE
from tfx_lm.server.served_model import ServedModel

WORDS = ["<pad>", "<unk>", "<s>", "</s>", "<0xC3>", "<0xB1>", "▁", "▁cat", "▁sat", "s", "at", "▁c", ",", "(", "-"]
END = "</s>"


class Table:
    """A continuation whose next piece depends on the last one only: `{piece: {next piece: probability}}`."""

    words = tuple(word.encode() for word in WORDS)
    after_space = np.array([word.startswith("▁") for word in WORDS])
    states = np.zeros((1, 1, 2, 1), np.float32)

    def __init__(self, first, table):
        self.table = table
        self.log_probabilities = self.row(first)

    def row(self, chances):
        with np.errstate(divide="ignore"):
            return np.log(np.array([chances.get(word, 0.0) for word in WORDS], np.float32))

    def after(self, tokens, states):
        assert len(tokens) == len(states)
        return np.array([self.row(self.table.get(WORDS[token], {END: 1.0})) for (token,) in tokens]), states


def shares(found):
    return {word.decode(): round(math.exp(score), 4) for word, score in found}


def test_the_worked_example():
    model = Table({"▁cat": 0.5, ",": 0.5}, {"▁cat": {"s": 0.2, "▁sat": 0.8}, "s": {"▁sat": 1.0}})
    assert shares(next_words(model, 5, "the ")) == {"cat": 0.4, "cats": 0.1}
    assert shares(next_words(model, 5, "the")) == {",": 0.5, "cat": 0.4, "cats": 0.1}
    assert shares(next_words(model, 1, "the ")) == {"cat": 0.4}


def test_a_word_in_other_pieces_is_the_same_word():
    model = Table({"▁cat": 0.5, "▁c": 0.25}, {"▁c": {"at": 1.0}})
    assert shares(next_words(model, 5, "the ")) == {"cat": 0.75}


def test_bytes_are_words_once_their_character_is_complete():
    bytes_of_letter = {"▁": {"<0xC3>": 0.5, "(": 0.5}, "<0xC3>": {"<0xB1>": 0.5, "▁cat": 0.5}}
    found = next_words(Table({"▁": 1.0}, bytes_of_letter), 5, "the ")
    assert shares(found) == {"(": 0.5, "ñ": 0.25}


def test_words_that_never_end_and_broken_models():
    assert next_words(Table({"▁cat": 1.0}, {"▁cat": {"s": 1.0}, "s": {"s": 1.0}}), 5, "the ") == []
    model = Table({"▁cat": 1.0}, {})
    model.log_probabilities = np.full(len(WORDS), np.nan, np.float32)
    assert next_words(model, 5, "the ") == []
    assert PIECES_OF_A_WORD == 16


def test_a_word_ends_before_and_behind_what_is_a_word_alone():
    model = Table({"▁c": 1.0}, {"▁c": {"at": 1.0}, "at": {"-": 0.5, END: 0.5}, "-": {"s": 1.0}})
    assert shares(next_words(model, 5, "")) == {"cat": 1.0}
    # Behind a hyphen or a quote a word begins without a mark.
    model = Table({"s": 0.75, "▁cat": 0.25}, {"s": {"at": 0.5, END: 0.5}})
    for text in ("the -", "the (", "the cat s-", "“", "日", "a '"):
        assert shares(next_words(model, 5, text)) == {"s": 0.375, "sat": 0.375, "cat": 0.25}
    for text in ("the cat", "don'"):
        assert shares(next_words(model, 5, text)) == {"cat": 0.25}
    # The hyphen is proposed alone.
    model = Table({"-": 1.0}, {"-": {"s": 0.5, "▁cat": 0.5}})
    assert shares(next_words(model, 5, "the")) == {"-": 1.0}


def test_the_last_word_of_a_text_is_complete_and_reserved_tokens_are_no_words():
    model = Table({"s": 0.5, END: 0.25, "<unk>": 0.2, "▁sat": 0.05}, {"▁sat": {END: 0.5, "<unk>": 0.0, "s": 0.5}})
    assert shares(next_words(model, 5, "the")) == {"sat": 0.025, "sats": 0.025}


@pytest.mark.parametrize(("text", "words"), [("the", [",", "cat"]), ("the ", ["cat"]), ("", ["cat"])])
def test_candidates_are_whole_words(monkeypatch, text, words):
    monkeypatch.setattr(completion, "reads_pieces", lambda path: True)
    monkeypatch.setattr(completion, "Continuation", lambda model, raw, context: Table({"▁cat": 0.4, ",": 0.6}, {}))
    found = completion.candidates(Model(), text, 5)
    assert [word for word, _ in found] == words


class Model:
    path, context_tokens = "model", 0


@pytest.fixture(scope="module")
def in_pieces(save_table_model, tmp_path_factory):
    """A model that knows cat, cats and sat: after cat, 1/2 for its end, and 1/4 for each of s and sat."""
    words = ["\u2581cat", "\u2581sat", "s"]
    never = -100.0
    half, quarter = math.log(1 / 2), math.log(1 / 4)
    rows = {  # pad unk s /s cat sat s
        2: [never, never, never, half, quarter, quarter, never],
        4: [never, never, never, half, never, quarter, quarter],
        6: [never, never, never, 0.0, never, never, never],
    }
    table = [rows.get(row, [never, never, never, 0.0, never, never, never]) for row in range(7)]
    folder = save_table_model(words, table, tmp_path_factory.mktemp("pieces") / "7")
    Path(folder, FILE).parent.mkdir(exist_ok=True)
    Path(folder, FILE).write_text(json.dumps({"vocabulary_kind": "subwords"}))
    return folder


@pytest.mark.slow
def test_the_server_proposes_whole_words_also_when_the_version_was_removed(in_pieces, tmp_path):
    folder = shutil.copytree(in_pieces, tmp_path / "7")
    served = ServedModel(str(folder))
    shutil.rmtree(folder)
    found = served.call("next_word", {"text": np.array([b"", b"\xe2\x96\x81cat"]), "k": np.array([3, 1], np.int32)})
    assert found["words"].tolist() == [[b"sat", b"cat", b"cats"], [b"sat", b"", b""]]
    assert np.exp(found["log_probabilities"][0]).tolist() == pytest.approx([1 / 4, 3 / 16, 1 / 16])
    assert found["log_probabilities"].dtype == np.float32
    assert served.call("next_word", {"text": np.array([b""]), "k": np.array([9], np.int32)})["words"].shape == (1, 3)
