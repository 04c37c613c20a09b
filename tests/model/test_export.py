"""The signatures of an exported model that score: they agree with each other, with numpy, and with bare TensorFlow."""

import json
import pathlib
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import ids_example, text_example
from helpers.exported_answers import (
    LINES,
    answers,
    examples,
    numpy_log_probabilities,
    numpy_log_softmax,
    numpy_projected,
)
from helpers.programs import program
from tfx_lm.exported.training_origin import read_training_origin

pytestmark = pytest.mark.slow


def test_score_is_an_independent_computation_from_the_variables(model, parameters):
    scored = answers(model, "score", text=LINES)
    for row in range(len(LINES)):
        ids = scored["ids"][row][scored["mask"][row] > 0]
        table = numpy_log_probabilities(parameters, [2, *ids[:-1]])
        expected = table[np.arange(len(ids)), ids]
        np.testing.assert_allclose(scored["log_probabilities"][row][: len(ids)], expected, rtol=1e-4)
        np.testing.assert_allclose(scored["nll"][row], -expected.sum(), rtol=1e-4)


def test_score_shows_the_words_as_read_and_nothing_at_padding(model):
    scored = answers(model, "score", text=LINES)
    lengths = scored["mask"].sum(axis=1).astype(int)
    assert lengths.tolist() == [7, 1, 9, 12, 8]
    words = [[word.decode() for word in row[:n]] for row, n in zip(scored["words"], lengths, strict=True)]
    assert words[0] == ["the", "cat", "sees", "the", "sun", ".", "</s>"]
    assert words[1] == ["</s>"]
    assert words[2] == ["a", "dog", "likes", "a", "zebra", "and", "a", "giraffe", "</s>"]
    assert words[3][-1] != "</s>"  # cut at max_length 12
    assert words[4] == ["a", "literal", "<unk>", "and", "<unk>", "and", "<unk>", "</s>"]
    padding = scored["mask"] == 0
    assert not scored["ids"][padding].any()
    assert not scored["log_probabilities"][padding].any()
    assert set(scored["words"][padding]) <= {b""}
    assert np.all(scored["log_probabilities"] <= 0)
    ids = scored["ids"][4]
    assert ids[[2, 4, 6, 7]].tolist() == [1, 1, 1, 3]


def test_evaluate_is_the_sums_of_score(model):
    scored = answers(model, "score", text=LINES)
    sums = answers(model, "evaluate", examples=examples(LINES))
    assert set(sums) == {
        "nll", "tokens", "bytes", "oov_tokens", "oov_nll", "truncated_tokens", "spelled_bytes",
    }  # fmt: skip
    for name, values in sums.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, scored[name], rtol=1e-6)
    np.testing.assert_allclose(sums["nll"], -scored["log_probabilities"].sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(sums["tokens"], scored["mask"].sum(axis=1))
    unknown = scored["ids"] == 1
    np.testing.assert_allclose(sums["oov_tokens"], unknown.sum(axis=1))
    np.testing.assert_allclose(sums["oov_nll"], -(scored["log_probabilities"] * unknown).sum(axis=1), rtol=1e-6)
    assert sums["bytes"].tolist() == [len(line) + 1 for line in LINES]
    assert sums["truncated_tokens"].tolist() == [0, 0, 0, 7, 0]


@pytest.mark.parametrize("signature", ["serving_default", "score", "tokenize", "next_word"])
def test_a_serialized_example_is_no_line(model, signature):
    others = {"k": [1]} if signature == "next_word" else {}
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        answers(model, signature, text=[b"the cat", text_example("the cat")], **others)
    assert (
        "[text: holds a serialized tf.Example, not a line; use the signature evaluate, or send its feature text]"
        in caught.value.message
    )


def test_transformed_examples_are_not_evaluated(model):
    with pytest.raises(tf.errors.InvalidArgumentError, match="so they are transformed; give the raw ones"):
        answers(model, "evaluate", examples=[text_example("the cat"), ids_example([7, 9, 3])])
    # An Example may hold the bytes of another as its text.
    sums = answers(model, "evaluate", examples=[text_example(text_example("the cat"))])
    assert sums["tokens"] == 4


def test_the_exported_model_says_whether_it_has_residual_connections(adaptive_directory, trained):
    assert read_training_origin(adaptive_directory).residual is True
    assert read_training_origin(trained.serving_model_dir).residual is False


def test_with_residual_connections_and_an_adaptive_softmax_all_signatures_agree(adaptive, corpus):
    parameters = {name: variable.numpy().astype(np.float64) for name, variable in adaptive.parameters.items()}
    assert parameters["cluster_kernel"].shape == (2, 12)
    scored = answers(adaptive, "score", text=LINES)
    for row in range(len(LINES)):
        ids = scored["ids"][row][scored["mask"][row] > 0]
        states = numpy_projected(parameters, [2, *ids[:-1]], residual=True)
        logits = states @ parameters["embedding/embeddings"].T + parameters["output_bias"]
        clusters = states @ parameters["cluster_kernel"].T + parameters["cluster_bias"]
        head = numpy_log_softmax(np.concatenate([logits[:, :8], clusters], axis=1))
        inside = [numpy_log_softmax(logits[:, 8:14]), numpy_log_softmax(logits[:, 14:])]
        table = np.concatenate([head[:, :8], head[:, 8:9] + inside[0], head[:, 9:] + inside[1]], axis=1)
        np.testing.assert_allclose(np.exp(table).sum(axis=1), 1.0, rtol=1e-9)
        expected = table[np.arange(len(ids)), ids]
        np.testing.assert_allclose(scored["log_probabilities"][row][: len(ids)], expected, rtol=1e-4)
        if row == 1:  # The empty line: what its `next_word` says is the first row.
            proposed = answers(adaptive, "next_word", text=[LINES[row]], k=1000)
            assert proposed["words"].shape == (1, corpus.vocabulary_size - 4)
            best = np.sort(table[0, 4:])[::-1]
            np.testing.assert_allclose(proposed["log_probabilities"][0], best, rtol=1e-4)
    sums = answers(adaptive, "evaluate", examples=examples(LINES))
    served = answers(adaptive, "serving_default", text=LINES)
    np.testing.assert_allclose(sums["nll"], -scored["log_probabilities"].sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(served["log_probability"], -sums["nll"], rtol=1e-6)


def test_serving_default_is_the_sums_of_score(model):
    scored = answers(model, "score", text=LINES)
    served = answers(model, "serving_default", text=LINES)
    np.testing.assert_allclose(served["log_probability"], -scored["nll"], rtol=1e-6)
    np.testing.assert_allclose(served["tokens"], scored["tokens"])
    np.testing.assert_allclose(served["perplexity"], np.exp(scored["nll"] / scored["tokens"]), rtol=1e-5)


def test_a_line_scores_the_same_in_any_company(model):
    together = answers(model, "score", text=LINES)
    for row, line in enumerate(LINES):
        alone = answers(model, "score", text=[line])
        np.testing.assert_allclose(alone["nll"][0], together["nll"][row], rtol=1e-5)


def test_no_signature_has_a_scalar_input(model):
    """`tensorflow/serving --enable_batching` refuses them, and then does not load the version for its warm-up."""
    for function in model.signatures.values():
        for spec in function.structured_input_signature[1].values():
            assert spec.shape.as_list()[0] is None


@pytest.mark.parametrize(
    "text",
    [b"", b"\xff\xfe\xfa", b"one\x00two", "漢字かな 😀".encode(), b"word " * 200_000, b"x" * 1_000_000, b"\r\n\t"],
    ids=["empty", "invalid", "nul", "cjk", "many words", "one long word", "white space"],
)
def test_any_bytes_get_a_finite_answer(model, text):
    for name, inputs in (("score", {}), ("serving_default", {}), ("next_word", {"k": 2})):
        for value in answers(model, name, text=[text], **inputs).values():
            assert value.dtype.kind != "f" or np.all(np.isfinite(value))


def test_a_batch_of_nothing(model):
    empty = {
        "score": {"text": tf.constant([], tf.string)},
        "serving_default": {"text": tf.constant([], tf.string)},
        "next_word": {"text": tf.constant([], tf.string), "k": tf.constant(3)},
        "tokenize": {"text": tf.constant([], tf.string)},
        "step": {"ids": tf.zeros([0, 1], tf.int64), "states": tf.zeros([0, 2, 2, 24])},
        "evaluate": {"examples": tf.constant([], tf.string)},
    }
    for name, inputs in empty.items():
        assert all(value.shape[0] == 0 for value in model.signatures[name](**inputs).values())


def test_an_example_without_text_is_an_empty_line(model):
    sums = answers(model, "evaluate", examples=[b"", examples([""])[0]])
    assert sums["tokens"].tolist() == [1, 1]
    assert sums["nll"][0] == sums["nll"][1]


def test_only_the_weights_are_exported(model, trained):
    assert all(variable.dtype == tf.float32 for variable in model.parameters.values())
    names = [
        name
        for name, _ in tf.train.list_variables(str(pathlib.Path(trained.serving_model_dir) / "variables/variables"))
    ]
    saved = [name for name in names if name.endswith("VARIABLE_VALUE") and not name.startswith("transform/")]
    assert len(saved) == len(model.parameters)


@pytest.mark.slow
def test_it_answers_where_there_is_only_tensorflow(model, trained):
    lines = ["The cat sees the sun.", "a dog"]
    run = subprocess.run(
        program("score_with_tensorflow_alone", trained.serving_model_dir, json.dumps(lines)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    nll, words, evaluated, stepped = json.loads(run.stdout.splitlines()[-1])
    here = answers(model, "score", text=lines)
    np.testing.assert_allclose(nll, here["nll"], rtol=1e-6)
    np.testing.assert_allclose(evaluated, here["nll"][:1], rtol=1e-6)
    np.testing.assert_allclose(stepped, here["log_probabilities"][0, 6], rtol=1e-5)  # of </s>
    assert words == answers(model, "next_word", text=lines, k=3)["words"].astype(str).tolist()
