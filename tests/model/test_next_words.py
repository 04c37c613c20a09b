"""The signatures of an exported model that propose words: next_word, step and tokenize."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from helpers.exported_answers import LINES, answers, numpy_log_probabilities
from tfx_lm.model.serving_signatures import PREFIX_WORDS

pytestmark = pytest.mark.slow


def test_next_word_proposes_the_best_words_and_no_control_token(model, parameters, corpus):
    scored = answers(model, "score", text=["The cat", "", "unseen words only"])
    everything = corpus.vocabulary_size - 4
    proposed = answers(model, "next_word", text=["The cat", "", "unseen words only"], k=1000)
    assert proposed["words"].shape == (3, everything)
    for row in range(3):
        ids = scored["ids"][row][scored["mask"][row] > 0]
        expected = numpy_log_probabilities(parameters, [2, *ids[:-1]])[-1]
        np.testing.assert_allclose(
            proposed["log_probabilities"][row], np.sort(expected[4:])[::-1], rtol=1e-4, atol=1e-5
        )
        assert not {b"<pad>", b"<unk>", b"<s>", b"</s>"} & set(proposed["words"][row])
        assert len(set(proposed["words"][row])) == everything
    few = answers(model, "next_word", text=["The cat", "", "unseen words only"], k=2)
    np.testing.assert_array_equal(few["words"], proposed["words"][:, :2])
    # The corpus has nothing but these three after "the cat".
    assert set(few["words"][0]) < {b"sees", b"likes", b"eats"}


def test_next_word_takes_a_number_for_each_text_and_a_scalar_for_all(model):
    found = answers(model, "next_word", text=["The cat", "", "a"], k=[1, 0, 3])
    whole = answers(model, "next_word", text=["The cat", "", "a"], k=3)
    assert [[word for word in row if word] for row in found["words"]] == [
        whole["words"][0, :1].tolist(),
        [],
        whole["words"][2].tolist(),
    ]
    assert (found["words"] == b"").tolist() == np.isneginf(found["log_probabilities"]).tolist()
    np.testing.assert_allclose(found["log_probabilities"][2], whole["log_probabilities"][2])
    for k in ([3], [3, 3, 3]):
        np.testing.assert_array_equal(
            answers(model, "next_word", text=["The cat", "", "a"], k=k)["words"], whole["words"]
        )
    with pytest.raises(tf.errors.InvalidArgumentError, match="k: must be 0 or more, is"):
        answers(model, "next_word", text=["a"], k=[-3])


def test_of_a_very_long_prefix_the_last_words_count(model, parameters, corpus):
    path = pathlib.Path(corpus.transform_output) / "transform_fn/assets/vocabulary"
    vocabulary = path.read_text().splitlines()
    words = ["a", "fish", "."] + ["the", "cat", "sees", "bread", "and", "butter", "."] * 200 + ["a", "dog"]
    proposed = answers(model, "next_word", text=[" ".join(words)], k=1000)
    inputs = [2, *(vocabulary.index(word) for word in words[-PREFIX_WORDS:])]
    expected = numpy_log_probabilities(parameters, inputs)[-1]
    np.testing.assert_allclose(proposed["log_probabilities"][0], np.sort(expected[4:])[::-1], rtol=1e-4, atol=1e-4)


def step(model, ids, states):
    found = answers(model, "step", ids=np.array(ids, np.int64), states=states)
    return found["log_probabilities"], found["states"]


def test_step_by_step_is_the_whole_line(model, parameters):
    ids = [2, 7, 9, 4, 1, 11, 5]
    expected = numpy_log_probabilities(parameters, ids)
    states = np.zeros([1, 2, 2, 24], np.float32)
    for time, token in enumerate(ids):
        found, states = step(model, [[token]], states)
        np.testing.assert_allclose(found[0], expected[time], rtol=1e-4)
    at_once, same_states = step(model, [ids], np.zeros([1, 2, 2, 24], np.float32))
    np.testing.assert_allclose(at_once, found, rtol=1e-5)
    np.testing.assert_allclose(same_states, states, atol=1e-6)


def test_steps_of_several_lines_and_several_tokens(model, parameters):
    first, second = [2, 7, 9, 4], [2, 8, 8, 5]
    _, states = step(model, [first[:1], second[:1]], np.zeros([2, 2, 2, 24], np.float32))
    found, _ = step(model, [first[1:], second[1:]], states)
    for row, ids in enumerate((first, second)):
        np.testing.assert_allclose(found[row], numpy_log_probabilities(parameters, ids)[-1], rtol=1e-4)


def test_with_an_adaptive_softmax_and_residual_connections_steps_agree_with_next_word(adaptive):
    ids = answers(adaptive, "tokenize", text=["The cat"])["ids"]
    found, _ = step(adaptive, [[2, *ids[0]]], np.zeros([1, 2, 2, 24], np.float32))
    proposed = answers(adaptive, "next_word", text=["The cat"], k=1000)
    np.testing.assert_allclose(np.sort(found[0, 4:])[::-1], proposed["log_probabilities"][0], rtol=1e-5)


@pytest.mark.parametrize("ids", [[[-1]], [[1000]], [[]]])
def test_ids_that_a_step_cannot_read(model, ids):
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids: must"):
        step(model, np.reshape(ids, [1, -1]), np.zeros([1, 2, 2, 24], np.float32))


def test_tokenize_shows_all_words_and_the_ids_that_are_scored(model):
    found = answers(model, "tokenize", text=LINES)
    assert found["mask"].sum(axis=1).tolist() == [6, 0, 8, 18, 7]
    assert found["words"][0].tolist()[:7] == [b"the", b"cat", b"sees", b"the", b"sun", b".", b""]
    scored = answers(model, "score", text=LINES)
    for row, kept in enumerate((6, 0, 8, 12, 7)):
        np.testing.assert_array_equal(found["ids"][row, :kept], scored["ids"][row, :kept])
    assert not found["ids"][found["mask"] == 0].any()
