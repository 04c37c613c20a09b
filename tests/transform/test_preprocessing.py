"""The function that Transform runs, through Beam, from Examples in memory to Examples on disk."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.preprocessing import preprocessing_fn
from tfx_lm.transform.vocabulary import RESERVED, VOCABULARY_NAME, lookup_table, read_vocabulary

ONE = tf.io.FixedLenFeature([], tf.string)
COLUMN = tf.io.FixedLenFeature([1], tf.string)
ANY = tf.io.VarLenFeature(tf.string)
WORDS = {"tokenizer": "word", "lowercase": True, "max_length": 64, "vocabulary": {}}


class Run(NamedTuple):
    """What a run left behind."""

    ids: list[list[int]]
    vocabulary: list[bytes]
    output: tft.TFTransformOutput
    serialized: list[bytes]
    shape: list[int]

    def transform(self, lines: list[bytes]) -> list[list[int]]:
        """Applies the saved graph, as a model does."""
        text = tf.reshape(tf.constant(lines), [-1, *self.shape])
        found = self.output.transform_features_layer()({"text": text})
        return tf.RaggedTensor.from_sparse(found["ids"]).to_list()

    def words(self, row: list[int]) -> list[str]:
        return [self.vocabulary[number].decode(errors="replace") for number in row]


def run(folder: Path, lines: list[Any], feature: Any = ONE, **settings: Any) -> Run:
    metadata = tft.DatasetMetadata.from_feature_spec({"text": feature})
    transform = functools.partial(preprocessing_fn, custom_config=WORDS | settings | {"another": "key"})
    with beam.Pipeline(runner=FnApiRunner()) as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        rows = pipeline | beam.Create([{"text": line} for line in lines], reshuffle=False)
        (data, found), graph = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(transform)
        coder = tft.coders.ExampleProtoCoder(found.schema)
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        data | beam.Map(coder.encode) | beam.io.WriteToTFRecord(str(folder / "examples"), num_shards=1)
    shape = [] if feature is ANY else feature.shape
    output = tft.TFTransformOutput(str(folder / "graph"))
    (file,) = folder.glob("examples*")
    serialized = [record.numpy() for record in tf.data.TFRecordDataset(str(file))]
    parsed = tf.io.parse_example(serialized, {"ids": tf.io.VarLenFeature(tf.int64)})["ids"]
    path = output.vocabulary_file_by_name(VOCABULARY_NAME)
    assert path == str(folder / "graph" / "transform_fn" / "assets" / VOCABULARY_NAME)
    return Run(tf.RaggedTensor.from_sparse(parsed).to_list(), read_vocabulary(path), output, serialized, shape)


# A run through Beam takes several seconds, most of it for tracing graphs.
@pytest.fixture(scope="module")
def counted(tmp_path_factory) -> Run:
    """A vocabulary of the two most frequent words, rows of up to four targets."""
    lines = [b"The cat", b"the cat sat on the mat", b"", b"<unk> <unk> <unk> <unk> <pad> <s>", b"the </s> CAT"]
    return run(tmp_path_factory.mktemp("counted"), lines, max_length=4, vocabulary={"size": 2})


@pytest.mark.slow
def test_ids_are_targets_that_are_cut_and_never_empty(counted):
    assert sorted(counted.ids) == sorted([[4, 5, 3], [4, 5, 1, 1], [3], [1, 1, 1, 1], [4, 1, 5, 3]])


@pytest.mark.slow
def test_size_counts_words_beside_the_reserved_and_a_literal_unknown_word_takes_no_place(counted):
    assert counted.vocabulary == [token.encode() for token in RESERVED] + [b"the", b"cat"]
    assert counted.output.vocabulary_size_by_name(VOCABULARY_NAME) == 6


@pytest.mark.slow
def test_an_example_on_disk_has_one_feature(counted):
    for record in counted.serialized:
        assert list(tf.train.Example.FromString(record).features.feature) == ["ids"]
    assert counted.output.transformed_feature_spec() == {"ids": tf.io.VarLenFeature(tf.int64)}


@pytest.mark.slow
def test_the_saved_graph_does_the_same(counted):
    assert counted.transform([b"the cat", b"", b"dog </s> the the the"]) == [[4, 5, 3], [3], [1, 1, 4, 4]]


@pytest.mark.slow
def test_the_saved_graph_takes_anything(counted):
    lines = [b"\xff\xfe", b"the\0cat\r\n", "\ufeffthe 漢字 😀".encode(), b"cat " * 250_000, b" \t "]
    assert counted.transform(lines) == [[1, 1, 3], [4, 5, 3], [4, 1, 1, 1], [5, 5, 5, 5], [3]]


@pytest.mark.slow
def test_automatic_length_and_a_text_feature_that_may_be_missing(tmp_path):
    lines = [["a b"]] * 333 + [["a b"] * 0] + [["c " * 200]]
    done = run(tmp_path, lines, ANY, max_length="auto", vocabulary={"min_count": 2})
    # 333 * 3 + 1 + 201 targets = 1201, of which 1 may go: the last line keeps 200.
    assert sorted(map(len, done.ids)) == [1] + [3] * 333 + [200]
    # Of words that are equally frequent, the later one in the order of bytes comes first.
    assert done.vocabulary[4:] == [b"b", b"a", b"c"]
    assert done.ids.count([5, 4, 3]) == 333
    assert done.ids.count([3]) == 1


@pytest.mark.slow
def test_a_pinned_vocabulary_keeps_its_ids_and_its_place_when_the_file_is_gone(tmp_path):
    pinned = tmp_path / "mine.txt"
    pinned.write_text("\n".join([*RESERVED, "sat", "never", "cat"]) + "\n")
    settings = {"file": str(pinned), "size": 1, "min_count": 100}
    done = run(tmp_path, [["the cat sat"], ["sat <pad>"]], COLUMN, vocabulary=settings)
    assert sorted(done.ids) == [[1, 6, 4, 3], [4, 1, 3]]
    pinned.unlink()
    assert done.vocabulary[4:] == [b"sat", b"never", b"cat"]
    assert done.transform([b"cat the"]) == [[6, 1, 3]]
    assert done.output.vocabulary_size_by_name(VOCABULARY_NAME) == 7


@pytest.mark.slow
def test_a_vocabulary_grows_at_its_end(tmp_path):
    pinned = tmp_path / "mine.txt"
    pinned.write_text("\n".join([*RESERVED, "sat", "cat"]) + "\n")
    # Of the new words `d`, `c` and `e`, the two most frequent ones are taken.
    settings = {"file": str(pinned), "grow": 2}
    done = run(tmp_path, ["c c cat d d d e", "<pad> sat"], vocabulary=settings)
    pinned.unlink()
    assert done.vocabulary[4:] == [b"sat", b"cat", b"d", b"c"]
    assert sorted(done.ids) == [[1, 4, 3], [7, 7, 5, 6, 6, 6, 1, 3]]
    assert done.transform([b"e d"]) == [[1, 6, 3]]


@pytest.mark.slow
def test_a_vocabulary_without_new_words_stays_as_it_is(tmp_path):
    pinned = tmp_path / "mine.txt"
    pinned.write_text("\n".join([*RESERVED, "sat", "cat"]) + "\n")
    done = run(tmp_path, ["cat new"], vocabulary={"file": str(pinned), "grow": 2, "min_count": 2})
    assert done.vocabulary == pinned.read_bytes().split()


@pytest.mark.slow
def test_no_token_breaks_the_numbering_and_the_automatic_length_has_a_limit(tmp_path):
    lines = [
        b"<pad> <unk> <s> </s> word word word",
        "x\u2028y x\u2028y \u0085 \u00a0 \u3000".encode(),
        b"\xff\xfe \xc3( \x01 tail\r\nnext \r \n \n\n",
        b"a\vb \f c\0d  \0\0",
        b"",
    ]
    done = run(tmp_path, lines, tokenizer="whitespace", lowercase=False, max_length="auto", auto_limit=6)
    # The first line has seven words and an end.
    assert max(map(len, done.ids)) == 6
    assert done.ids[0] == [1, 1, 1, 1, 4, 4]
    assert len(done.vocabulary) == len(set(done.vocabulary))
    assert all(done.vocabulary)
    assert done.vocabulary[:5] == [*(token.encode() for token in RESERVED), b"word"]
    path = done.output.vocabulary_file_by_name(VOCABULARY_NAME)
    numbers = lookup_table(path).lookup(tf.constant(done.vocabulary)).numpy().tolist()
    assert numbers == list(range(len(done.vocabulary)))
    assert done.transform(done.vocabulary[4:]) == [[number, 3] for number in numbers[4:]]


@pytest.mark.slow
def test_bytes(tmp_path):
    done = run(tmp_path, [b"ab\n<pad>", b"\0\xff"], tokenizer="byte")
    (longer,) = [row for row in done.ids if len(row) > 3]
    assert done.words(longer) == [f"<0x{value:02X}>" for value in b"ab\n<pad>"] + ["</s>"]
    assert 1 not in longer


@pytest.mark.parametrize("missing", list(WORDS))
def test_a_missing_setting_is_named(missing):
    settings = {key: value for key, value in WORDS.items() if key != missing}
    with pytest.raises(ValueError, match=f"custom_config has no '{missing}'"):
        preprocessing_fn({"text": tf.constant(["a"])}, settings)


def test_a_missing_feature_is_named():
    with pytest.raises(ValueError, match=r"the examples have no feature 'text', only \['body'\]"):
        preprocessing_fn({"body": tf.constant(["a"])}, WORDS)


def test_two_lines_in_an_example_are_an_error():
    two = tf.sparse.from_dense([["a", "b"]])
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        preprocessing_fn({"text": two}, WORDS)


@pytest.fixture(scope="module")
def in_pieces(tmp_path_factory) -> Run:
    """A vocabulary of learned pieces, and the length that keeps 99.9 % of all pieces."""
    lines = [b"The cat", "the cats ñ".encode(), b"the the, the!"] * 10
    folder = tmp_path_factory.mktemp("in_pieces")
    return run(folder, lines, max_length="auto", vocabulary={"kind": "subwords", "size": 300})


@pytest.mark.slow
def test_subwords_are_ids_of_pieces_and_no_word_is_unknown(in_pieces):
    shown = [in_pieces.words(row) for row in in_pieces.ids]
    expected = [["▁the", "▁cat", "</s>"], ["▁the", "▁cats", "▁ñ", "</s>"], ["▁the", "▁the", ",", "▁the", "!", "</s>"]]
    assert sorted(shown) == sorted(expected * 10)


@pytest.mark.slow
def test_the_saved_graph_splits_words_that_it_has_never_seen(in_pieces):
    (row, empty) = in_pieces.transform(["the ☃".encode(), b""])
    assert in_pieces.words(row) == ["▁the", "▁", "<0xE2>", "<0x98>", "<0x83>", "</s>"]
    assert empty == [3]


@pytest.mark.slow
def test_a_context_of_pieces_are_those_of_its_lines(tmp_path):
    options = WORDS | {"vocabulary": {"kind": "subwords", "size": 300}, "context_tokens": 100}
    spec = {"text": ONE, "context": ONE}
    rows = [{"text": b"the cat", "context": b""}, {"text": b"sat down", "context": b"the cat\nthe cat"}]
    with beam.Pipeline(runner=FnApiRunner()) as pipeline, tft_beam.Context(temp_dir=str(tmp_path / "temporary")):
        (_, _), graph = (
            pipeline | beam.Create(rows, reshuffle=False),
            tft.DatasetMetadata.from_feature_spec(spec),
        ) | tft_beam.AnalyzeAndTransformDataset(functools.partial(preprocessing_fn, custom_config=options))
        graph | tft_beam.WriteTransformFn(str(tmp_path / "graph"))
    graph = TransformGraph(str(tmp_path / "graph"))
    lines = tf.constant([b"sat down", b"the cat"])
    ids, before = graph.ids_and_context(lines, tf.constant([b"the cat\nthe cat", b""]))
    assert ids.to_list() == graph.ids(lines).to_list()
    read = [2, *ids.to_list()[1][:-1]]
    assert before.to_list() == [read * 2, []]
