import math
import re

import pytest
from tfx_lm.errors import SettingError
from tfx_lm.exported import completion, scoring
from tfx_lm.exported.next_words import next_words_of_texts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bigram(bigram_model):
    return scoring.load_model(bigram_model)


def test_candidates_by_hand(bigram):
    assert completion.candidates(bigram, "see the", 5) == [
        ("cat", pytest.approx(-math.log(2))),
        ("the", pytest.approx(-math.log(8))),
    ]
    assert completion.candidates(bigram, "", 1) == [("the", pytest.approx(-math.log(2)))]


def test_candidates_of_a_model_whose_k_is_a_scalar_as_it_was(save_table_model, bigram_table):
    old = scoring.load_model(save_table_model(*bigram_table, scalar_k=True))
    assert old.inputs("next_word")["k"].shape.rank == 0
    assert completion.candidates(old, "", 1) == [("the", pytest.approx(-math.log(2)))]


def test_the_greedy_continuation(bigram):
    assert completion.complete(bigram, "", 4, temperature=0) == "the cat the cat"
    assert completion.complete(bigram, "The  cat", 2, temperature=0) == "The  cat the cat"
    assert completion.complete(bigram, "as it is ", 0) == "as it is "


def test_top_k_one_is_greedy(bigram):
    assert completion.complete(bigram, "the", 3, top_k=1, seed=5) == "the cat the cat"


def test_the_seed_decides(bigram):
    texts = {seed: completion.complete(bigram, "the", 20, seed=seed) for seed in range(4)}
    assert texts[1] == completion.complete(bigram, "the", 20, seed=1)
    assert len(set(texts.values())) > 1


class Calls:
    """A model that notes how many tokens each call of `step` reads."""

    def __init__(self, model):
        self.path, self.loaded, self.words, self.tokens = model.path, model.loaded, model.words, []
        self.context_tokens, self.normalization, self.read = model.context_tokens, model.normalization, []
        self._model = model

    def inputs(self, signature):
        return self._model.inputs(signature)

    def call(self, signature, **inputs):
        if signature == "step":
            self.tokens.append(inputs["ids"].shape.as_list())
            self.read.append(inputs["ids"].numpy()[0].tolist())
        return self._model.call(signature, **inputs)


@pytest.mark.parametrize("prefix", [0, 1, 10, 3000])
def test_a_word_costs_the_same_after_any_text(bigram, prefix):
    calls = Calls(bigram)
    completion.complete(calls, "the " * prefix, 5, temperature=0)
    *reading, first, second, third, fourth, fifth = calls.tokens
    assert [first, second, third, fourth, fifth] == [[1, 1]] * 5
    assert sum(tokens for _, tokens in reading) == prefix + 1


def test_the_whole_text_counts(bigram):
    assert completion.complete(bigram, "the " * 2000 + "cat", 1, temperature=0).endswith("the cat the")


def test_bad_arguments(bigram):
    with pytest.raises(ValueError, match="temperature=-1: must be >= 0"):
        completion.complete(bigram, "the", 1, temperature=-1)
    with pytest.raises(ValueError, match="length=-1: must be >= 0"):
        completion.complete(bigram, "the", -1)
    with pytest.raises(ValueError, match="top_k=0: must be >= 1"):
        completion.complete(bigram, "the", 1, top_k=0)
    with pytest.raises(ValueError, match="top_p=0: must be > 0"):
        completion.complete(bigram, "the", 1, top_p=0)
    with pytest.raises(ValueError, match="top_n=0: must be >= 1"):
        completion.candidates(bigram, "the", 0)


def test_a_broken_model_says_so(nan_model):
    model = scoring.load_model(nan_model)
    assert completion.candidates(model, "w1") == []
    with pytest.raises(ValueError, match="it is broken"):
        completion.complete(model, "w1", 1)


def test_text_that_is_not_unicode(bigram):
    assert completion.complete(bigram, "\udcff the", 1, temperature=0) == "� the cat"


@pytest.fixture(scope="module")
def in_context(save_table_model, bigram_table):
    return scoring.load_model(save_table_model(*bigram_table, context_tokens=3))


@pytest.mark.parametrize(
    ("text", "context", "read"),
    [
        ("the", "", [2, 4]),
        # As `transform.context.Context`: <s> and the tokens of each line, of these the last three.
        ("the", "cat", [2, 5, 2, 4]),
        ("the", "the cat\nthe", [5, 2, 4, 2, 4]),
        ("", "the the cat", [4, 4, 5, 2]),
        # Blank lines are no lines of a document, nor is the end of the last one.
        ("the", "cat\r\n \n\n", [2, 5, 2, 4]),
        # The lines of the text before its last one.
        ("cat\nthe", "", [2, 5, 2, 4]),
        ("cat\n", "the", [4, 2, 5, 2]),
    ],
)
def test_what_is_read_before_a_line(in_context, text, context, read):
    calls = Calls(in_context)
    assert completion.complete(calls, text, 0, context=context) == text
    assert calls.read == [read]
    assert [word for word, _ in completion.candidates(calls, text, 1, context)] == ["cat" if read[-1] == 4 else "the"]


def test_whole_words_of_pieces_are_those_behind_the_context(in_context):
    calls = Calls(in_context)
    next_words_of_texts(calls, [b"the", b"", b""], [1, 1, 0], [b"cat", b"the\ncat", b"the"])
    assert [read for read in calls.read if len(read) > 1] == [[2, 5, 2, 4], [4, 2, 5, 2]]


def test_a_continuation_of_a_text_of_several_lines_goes_on_with_the_last(in_context):
    assert completion.complete(in_context, "cat\nthe", 2, temperature=0) == "cat\nthe cat the"
    assert completion.complete(in_context, "cat\n", 2, temperature=0) == "cat\nthe cat"


def test_a_context_for_a_model_that_reads_none(bigram):
    message = f"context: {bigram.path} reads no context; leave context out"
    with pytest.raises(SettingError, match=re.escape(message)):
        completion.candidates(bigram, "the", 1, "cat")
    with pytest.raises(SettingError, match=re.escape(message)):
        completion.complete(bigram, "the", 1, context="cat")
    # Its lines are one text, as they were.
    calls = Calls(bigram)
    completion.complete(calls, "cat\nthe", 0)
    assert calls.read == [[2, 5, 4]]
