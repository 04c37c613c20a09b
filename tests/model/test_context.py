"""A model with a context: it reads what came before a line and scores none of it."""

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from helpers.examples import write_records
from helpers.exported_answers import answers, numpy_log_probabilities
from helpers.made_up_corpus import LINES, TRANSFORM_CONFIG
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx_lm.components.text_example_gen.to_examples import serialized_examples
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.exported import completion
from tfx_lm.exported.continuation import Continuation
from tfx_lm.exported.exported_model import load_model
from tfx_lm.exported.scoring import score_texts
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.text_files.text import Text
from tfx_lm.transform.preprocessing import preprocessing_fn

TOKENS = 5
LINE, BEFORE = "The cat sees the sun.", "A dog likes\na fish."


CONFIG = {**TRANSFORM_CONFIG, "context_tokens": TOKENS}


def _transform(folder):
    schema = schema_utils.schema_from_feature_spec(
        {name: tf.io.FixedLenFeature([1], tf.string) for name in ("text", "context")}
    )
    rows = [{"text": [line.encode()], "context": [b"not counted"]} for line in LINES["train"]]
    with (
        beam.Pipeline("BundleBasedDirectRunner") as pipeline,
        tft_beam.Context(str(folder / "temporary"), force_tf_compat_v1=False),
    ):
        analyzed = (
            pipeline | beam.Create(rows),
            dataset_metadata.DatasetMetadata(schema),
        ) | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, CONFIG))
        analyzed | tft_beam.WriteTransformFn(str(folder / "transform"))


def _train(folder, corpus, transform_output, contexts, epochs):
    """Trains; `contexts` is a function that returns those of some lines."""
    transform = TransformGraph(transform_output)
    args = corpus.fn_args(folder, epochs=epochs)
    for split, lines in LINES.items():
        ids, before = transform.ids_and_context(tf.constant(lines), tf.constant(contexts(lines)))
        found = {"ids": ids.to_list(), "context_ids": before.to_list()}
        rows = [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]
        (folder / split).mkdir()
        write_records(folder / split / "examples-00000-of-00001.gz", map(_example, rows))
        setattr(args, f"{split}_files", [str(folder / split / "*")])
    args.transform_output = transform_output
    args.custom_config["transform"] = CONFIG
    run_fn(args)


def _example(features):
    ints = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=ids)) for name, ids in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=ints)).SerializeToString()


@pytest.fixture(scope="module")
def transform_output(build_once):
    return str(build_once("transform in context", _transform) / "transform")


@pytest.fixture(scope="module")
def in_context(build_once, corpus, transform_output):
    """A model that was trained to read the line before each."""

    def train(folder):
        _train(folder, corpus, transform_output, lambda lines: ["", *lines[:-1]], epochs=1)

    return load_model(build_once("in context", train) / "model")


@pytest.fixture(scope="module")
def empty_contexts(build_once, corpus, transform_output, trained):
    """The training of `trained`, but each line begins a document; and `trained`, of a Transform without contexts."""

    def train(folder):
        epochs = trained.custom_config["trainer"]["epochs"]
        _train(folder, corpus, transform_output, lambda lines: [""] * len(lines), epochs=epochs)

    folders = [build_once("empty contexts", train) / "model", trained.serving_model_dir]
    return [load_model(folder) for folder in folders]


@pytest.mark.slow
def test_contexts_that_are_empty_train_the_same_model_as_none(empty_contexts):
    empty, none = empty_contexts
    for name, variable in none.loaded.parameters.items():
        np.testing.assert_array_equal(variable.numpy(), empty.loaded.parameters[name].numpy())
    expected = none.call("score", text=tf.constant(LINES["eval"]))
    for found in (
        empty.call("score", text=tf.constant(LINES["eval"])),
        empty.call("score_in_context", text=tf.constant(LINES["eval"]), context=tf.fill([len(LINES["eval"])], "")),
    ):
        assert set(found) == {*expected, "context_tokens"}
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
    assert "score_in_context" not in none.loaded.signatures
    assert (empty.context_tokens, none.context_tokens) == (TOKENS, 0)


@pytest.mark.slow
def test_the_context_is_read_and_not_scored(in_context, transform_output):
    found = answers(in_context.loaded, "score_in_context", text=[LINE, LINE], context=["", BEFORE])
    parameters = {name: value.numpy().astype(np.float64) for name, value in in_context.loaded.parameters.items()}
    _, context = TransformGraph(transform_output).ids_and_context(tf.constant([LINE]), tf.constant([BEFORE]))
    (read,) = context.to_list()
    assert len(read) == TOKENS and read[-4] == 2  # likes <s> a fish .
    ids = found["ids"][1].astype(int)
    table = numpy_log_probabilities(parameters, [*read, 2, *ids[:-1]])[TOKENS:]
    np.testing.assert_allclose(found["log_probabilities"][1], table[np.arange(len(ids)), ids], rtol=1e-4)
    assert found["log_probabilities"][0].tolist() != found["log_probabilities"][1].tolist()
    for name in ("words", "ids", "mask", "tokens", "bytes", "oov_tokens", "truncated_tokens", "spelled_bytes"):
        np.testing.assert_array_equal(found[name][0], found[name][1])
    assert found["context_tokens"].tolist() == [0, TOKENS]


@pytest.mark.slow
def test_a_context_longer_than_the_model_reads_counts_for_nothing(in_context):
    longer = answers(in_context.loaded, "score_in_context", text=[LINE], context=["My sister\n" * 9 + BEFORE])
    found = answers(in_context.loaded, "score_in_context", text=[LINE], context=[BEFORE])
    for name, values in found.items():
        np.testing.assert_array_equal(longer[name], values)


@pytest.mark.slow
def test_evaluate_reads_the_feature_context(in_context):
    lines, contexts = LINES["eval"][:20], ["", *LINES["eval"][:19]]
    scored = answers(in_context.loaded, "score_in_context", text=lines, context=contexts)
    sums = answers(in_context.loaded, "evaluate", examples=serialized_examples(lines, contexts))
    for name, values in sums.items():
        np.testing.assert_allclose(values, scored[name], rtol=1e-6)
    alone = answers(in_context.loaded, "evaluate", examples=serialized_examples(lines))
    np.testing.assert_allclose(alone["nll"], answers(in_context.loaded, "score", text=lines)["nll"], rtol=1e-6)


@pytest.mark.slow
def test_a_continuation_reads_the_context_as_scores_do(in_context):
    words = LINE.split()[:4]
    found = answers(in_context.loaded, "score_in_context", text=[LINE], context=[BEFORE])
    for count in range(len(words)):
        continuation = Continuation(in_context, " ".join(words[:count]).encode(), context=BEFORE.encode())
        token = int(found["ids"][0, count])
        assert continuation.log_probabilities[token] == pytest.approx(found["log_probabilities"][0, count], rel=1e-4)
        pairs = completion.candidates(in_context, " ".join(words[:count]), 5, BEFORE)
        assert pairs == completion.candidates(in_context, f"{BEFORE}\n{' '.join(words[:count])}", 5)
        alone = completion.candidates(in_context, " ".join(words[:count]), 5)
        assert [score for _, score in pairs] != pytest.approx([score for _, score in alone], rel=1e-4)


@pytest.mark.slow
def test_next_words_are_those_of_the_scores(in_context):
    begin = " ".join(LINE.split()[:3])
    texts, contexts = [begin, begin, ""], ["", BEFORE, BEFORE]
    found = answers(in_context.loaded, "next_word_in_context", text=texts, context=contexts, k=[10, 10, 10])
    for row, (text, context) in enumerate(zip(texts, contexts, strict=True)):
        words = found["words"][row].astype(str).tolist()
        scored = answers(
            in_context.loaded,
            "score_in_context",
            text=[f"{text} {word}" for word in words],
            context=[context] * len(words),
        )
        place = len(text.split())
        assert [line[place].decode() for line in scored["words"]] == words
        np.testing.assert_allclose(
            found["log_probabilities"][row], scored["log_probabilities"][:, place], rtol=1e-4, atol=1e-5
        )
        pairs = completion.candidates(in_context, text, 10, context)
        assert [word for word, _ in pairs] == words
        assert [score for _, score in pairs] == pytest.approx(found["log_probabilities"][row].tolist(), rel=1e-4)
    alone = answers(in_context.loaded, "next_word", text=[begin], k=[10])
    np.testing.assert_array_equal(alone["words"][0], found["words"][0])


@pytest.mark.slow
def test_texts_are_scored_in_their_contexts(in_context, empty_contexts):
    text = Text(7, LINE.encode(), BEFORE.encode())
    (found,) = score_texts(in_context, [text])
    expected = answers(in_context.loaded, "score_in_context", text=[LINE], context=[BEFORE])
    assert (found.line, found.sums.nll) == (7, pytest.approx(float(expected["nll"][0])))
    # A model that reads none leaves it out.
    _, none = empty_contexts
    assert list(score_texts(none, [text])) == list(score_texts(none, [Text(7, LINE.encode())]))
