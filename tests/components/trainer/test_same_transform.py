import copy
import functools

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.components.trainer.same_transform import check_same_transform
from tfx_lm.errors import SettingError
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.preprocessing import preprocessing_fn
from tfx_lm.transform.tokenizer import tokenize
from tfx_lm.transform.vocabulary import END_ID, lookup_table

pytestmark = pytest.mark.slow

# Those of the corpus.
OPTIONS = {"tokenizer": "word", "lowercase": True, "max_length": 12, "vocabulary": {"size": 24}}


@pytest.fixture(scope="module")
def graph(corpus):
    return TransformGraph(corpus.transform_output)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"max_length": "auto"},
        {"max_length": "auto", "auto_limit": 12},
        {"vocabulary": {"size": None, "file": None}},
    ],
)
def test_options_that_fit(graph, other):
    check_same_transform(graph, TextOptions.parse(OPTIONS | other))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"tokenizer": "whitespace"},
            "tokenizer=whitespace, lowercase=True: Transform used tokenizer=word, lowercase=True",
        ),
        ({"tokenizer": "byte"}, "tokenizer=byte, lowercase=True: Transform used tokenizer=word, lowercase=True"),
        ({"lowercase": False}, "tokenizer=word, lowercase=False: Transform used tokenizer=word, lowercase=True"),
        ({"max_length": 11}, "max_length=11: the lines of Transform have more than 11 tokens"),
        ({"max_length": 13}, "max_length=13: the lines of Transform have at most 12 tokens"),
        (
            {"max_length": "auto", "auto_limit": 11},
            "auto_limit=11: the lines of Transform have more than 11 tokens",
        ),
        ({"max_length": 10**9}, "max_length=1000000000: the lines of Transform have at most 12 tokens"),
        ({"context_tokens": 5}, "context_tokens=5: Transform used context_tokens=0"),
    ],
)
def test_options_of_another_transform_are_refused_with_what_it_used(graph, other, message):
    with pytest.raises(SettingError) as caught:
        check_same_transform(graph, TextOptions.parse(OPTIONS | other))
    assert str(caught.value) == f"{message}; give the Trainer the options of its Transform"


@pytest.mark.parametrize("vocabulary", [{"size": 21}, {"file": "edited.txt"}, {"file": "none.txt"}])
def test_options_that_only_transform_uses_are_not_compared(graph, tmp_path, monkeypatch, vocabulary):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edited.txt").write_text("other words than the graph's")
    check_same_transform(graph, TextOptions.parse(OPTIONS | {"vocabulary": vocabulary}))


class _Lines:
    """A graph that cuts lines of words after a number of tokens, and remembers the longest line."""

    def __init__(self, vocabulary_path, cut):
        self.vocabulary_path = vocabulary_path
        self.subwords = self.has_context = False
        self.cut = cut
        self.longest = 0

    def ids(self, texts):
        self.longest = max(self.longest, int(tf.reduce_max(tf.strings.length(texts))))
        tokens = lookup_table(self.vocabulary_path).lookup(tokenize(texts, "word", True))
        return tf.concat([tokens, tf.fill([tokens.nrows(), 1], tf.constant(END_ID, tf.int64))], 1)[:, : self.cut]


@pytest.mark.parametrize(
    ("cut", "limit", "used"),
    [
        (None, 10**9, None),
        (2**14 + 1, 10**9, None),
        (2**14, 10**9, "at most 16384"),
        (2**14, 2**14, None),
        (None, 2**14, "more than 16384"),
        (2**14 - 1, 2**14 - 1, None),
        (2**14, 2**14 - 1, "more than 16383"),
    ],
)
@pytest.mark.parametrize("option", ["max_length", "auto_limit"])
def test_a_large_limit_is_compared_as_far_as_a_line_of_some_size_shows_it(graph, option, cut, limit, used):
    lines = _Lines(graph.vocabulary_path, cut)
    options = TextOptions.parse(OPTIONS | {"max_length": "auto", option: limit})
    # The number that `auto` chose may be less than the limit.
    if used is None or (option == "auto_limit" and used.startswith("at most")):
        check_same_transform(lines, options)
    else:
        with pytest.raises(SettingError, match=f"^{option}={limit}: the lines of Transform have {used} tokens"):
            check_same_transform(lines, options)
    assert lines.longest == 2 * 2**14


@pytest.fixture(
    scope="module",
    params=[
        {"tokenizer": "word", "vocabulary": {"size": 24}},
        {"tokenizer": "byte", "vocabulary": {"size": None}},
        {"tokenizer": "word", "vocabulary": {"kind": "subwords", "size": 257}},
    ],
    ids=["words", "bytes", "subwords"],
)
def with_context(request, tmp_path_factory):
    """The options of a Transform with a context of five tokens, and its graph."""
    folder = tmp_path_factory.mktemp("with_context")
    options = {"lowercase": True, "max_length": 12, "context_tokens": 5, **request.param}
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in ("text", "context")}
    rows = [{"text": b"the cat", "context": b""}, {"text": b"sat down", "context": b"the cat"}]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        (_, _), analyzed = (
            pipeline | beam.Create(rows, reshuffle=False),
            tft.DatasetMetadata.from_feature_spec(spec),
        ) | tft_beam.AnalyzeAndTransformDataset(functools.partial(preprocessing_fn, custom_config=options))
        analyzed | tft_beam.WriteTransformFn(str(folder / "graph"))
    return options, TransformGraph(str(folder / "graph"))


def test_the_context_of_a_real_transform(with_context):
    options, graph = with_context
    check_same_transform(graph, TextOptions.parse(options))
    for told in (0, 4, 6, 2**14, 10**9):
        with pytest.raises(SettingError) as caught:
            check_same_transform(graph, TextOptions.parse(options | {"context_tokens": told}))
        assert str(caught.value) == (
            f"context_tokens={told}: Transform used context_tokens=5; give the Trainer the options of its Transform"
        )
    # As of a stock Trainer, whose custom_config need not have it.
    config = TextOptions.parse(options).model_dump(mode="json")
    del config["context_tokens"]
    with pytest.raises(SettingError, match="context_tokens=0: Transform used context_tokens=5"):
        check_same_transform(graph, TextOptions.from_custom_config(config))


class _Contexts(_Lines):
    """A graph with a context, in which each word is some tokens."""

    def __init__(self, vocabulary_path, tokens, of_a_word):
        super().__init__(vocabulary_path, 12)
        self.has_context = True
        self.tokens = tokens
        self.of_a_word = of_a_word

    def ids_and_context(self, text, context):
        words = int(tf.strings.split(context).row_lengths()[0])
        read = tf.ones([1, 1 + words * self.of_a_word], tf.int64)[:, -self.tokens :]
        return self.ids(text), tf.RaggedTensor.from_tensor(read)


@pytest.mark.parametrize(
    ("tokens", "of_a_word", "told", "used"),
    [
        (2**14, 1, 2**14, None),
        (2**14, 1, 2**14 + 1, "context_tokens=16384"),
        (2**14, 1, 2**14 - 1, "context_tokens=16384"),
        (2**14 + 1, 1, 2**14, "more than 16384 tokens"),
        (2**20, 1, 2**20, None),
        (20000, 2, 20000, None),
        (20000, 2, 19999, "more than 19999 tokens"),
        # Not refused, since it might be.
        (20000, 2, 2**20, None),
    ],
)
def test_a_large_context_is_compared_as_far_as_one_of_some_size_shows_it(graph, tokens, of_a_word, told, used):
    contexts = _Contexts(graph.vocabulary_path, tokens, of_a_word)
    options = TextOptions.parse(OPTIONS | {"context_tokens": told})
    if used is None:
        check_same_transform(contexts, options)
    else:
        with pytest.raises(SettingError, match=f"^context_tokens={told}: Transform used {used};"):
            check_same_transform(contexts, options)


def test_run_fn_refuses_it_before_it_trains(corpus, tmp_path):
    fn_args = corpus.fn_args(tmp_path)
    fn_args.custom_config = copy.deepcopy(fn_args.custom_config)
    fn_args.custom_config["transform"]["lowercase"] = False
    with pytest.raises(SettingError, match="lowercase=False: Transform used tokenizer=word, lowercase=True"):
        run_fn(fn_args)
    assert list(tmp_path.iterdir()) == []
