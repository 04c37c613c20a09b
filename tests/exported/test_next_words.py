"""Whole words that follow a text, from pieces of words."""

import math

import numpy as np
import pytest
from tfx_lm.exported import completion
from tfx_lm.exported.next_words import PIECES_OF_A_WORD, next_words

WORDS = ["<pad>", "<unk>", "<s>", "</s>", "<0xC3>", "<0xB1>", "▁", "▁cat", "▁sat", "s", "at", "▁c", ",", "("]
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
    assert shares(next_words(model, 5, after_space=True)) == {"cat": 0.4, "cats": 0.1}
    assert shares(next_words(model, 5, after_space=False)) == {",": 0.5, "cat": 0.4, "cats": 0.1}
    assert shares(next_words(model, 1, after_space=True)) == {"cat": 0.4}


def test_a_word_in_other_pieces_is_the_same_word():
    model = Table({"▁cat": 0.5, "▁c": 0.25}, {"▁c": {"at": 1.0}})
    assert shares(next_words(model, 5, after_space=True)) == {"cat": 0.75}


def test_bytes_are_words_once_their_character_is_complete():
    bytes_of_letter = {"▁": {"<0xC3>": 0.5, "(": 0.5}, "<0xC3>": {"<0xB1>": 0.5, "▁cat": 0.5}}
    found = next_words(Table({"▁": 1.0}, bytes_of_letter), 5, after_space=True)
    assert shares(found) == {"(": 0.5, "ñ": 0.25}


def test_words_that_never_end_and_broken_models():
    assert next_words(Table({"▁cat": 1.0}, {"▁cat": {"s": 1.0}, "s": {"s": 1.0}}), 5, after_space=True) == []
    model = Table({"▁cat": 1.0}, {})
    model.log_probabilities = np.full(len(WORDS), np.nan, np.float32)
    assert next_words(model, 5, after_space=True) == []
    assert PIECES_OF_A_WORD == 16


def test_the_last_word_of_a_text_is_complete_and_reserved_tokens_are_no_words():
    model = Table({"s": 0.5, END: 0.25, "<unk>": 0.2, "▁sat": 0.05}, {"▁sat": {END: 0.5, "<unk>": 0.0, "s": 0.5}})
    assert shares(next_words(model, 5, after_space=False)) == {"sat": 0.025, "sats": 0.025}


@pytest.mark.parametrize(("text", "words"), [("the", [",", "cat"]), ("the ", ["cat"]), ("", ["cat"])])
def test_candidates_are_whole_words(monkeypatch, text, words):
    monkeypatch.setattr(completion, "reads_pieces", lambda path: True)
    monkeypatch.setattr(completion, "Continuation", lambda model, raw: Table({"▁cat": 0.4, ",": 0.6}, {}))
    found = completion.candidates(Model(), text, 5)
    assert [word for word, _ in found] == words


class Model:
    path = "model"
