"""The vocabulary that Beam counts: whole batches, the words in buckets, and the file that TFX's own analyzer writes."""

import random
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tfx_lm.transform import preprocessing, word_counts
from tfx_lm.transform.options import VocabularyOptions
from tfx_lm.transform.vocabulary import RESERVED, VOCABULARY_NAME, read_vocabulary
from tfx_lm.transform.word_counts import CacheCoder, CountWords, add, most_frequent, pack, unpack, vocabulary_of_corpus


def batch(text: str) -> tuple[np.ndarray]:
    return (np.array(text.encode().split(), object),)


def counted(blocks) -> dict[bytes, int]:
    """All counts of some buckets; a word is in one bucket only."""
    pairs = [pair for _, block in blocks for pair in zip(*unpack(block), strict=True)]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def counts_of(*texts: str) -> list:
    step = CountWords()
    step.start_bundle()
    blocks = [block for text in texts for block in step.process(batch(text))]
    return blocks + [block.value for block in step.finish_bundle()]


def test_words_of_all_batches_are_counted_but_not_the_unknown_word():
    assert counted(counts_of("the cat <unk> the", "<unk> the")) == {b"the": 3, b"cat": 1}
    assert counted(counts_of("<unk>")) == counted(counts_of()) == {}


def test_a_bundle_begins_with_no_words():
    step = CountWords()
    for _ in range(2):
        step.start_bundle()
        assert list(step.process(batch("a b"))) == []
        assert counted(block.value for block in step.finish_bundle()) == {b"a": 1, b"b": 1}


def test_a_worker_hands_on_what_it_holds(monkeypatch):
    monkeypatch.setattr(word_counts, "WORDS_HELD", 3)
    step = CountWords()
    step.start_bundle()
    assert list(step.process(batch("a b a"))) == []
    assert counted(step.process(batch("a c"))) == {b"a": 3, b"b": 1, b"c": 1}
    assert counted(block.value for block in step.finish_bundle()) == {}


def test_a_bucket_adds_its_blocks():
    bucket, block = add(7, [pack([b"a", b"b"], [1, 2]), pack([b"b", b"c"], [3, 4]), pack([], [])])
    assert (bucket, dict(zip(*unpack(block), strict=True))) == (7, {b"a": 1, b"b": 5, b"c": 4})


@pytest.mark.parametrize(
    ("size", "min_count", "words"),
    [
        (None, 1, [b"the", "naïve".encode(), b"cat", b"a"]),
        (3, 1, [b"the", "naïve".encode(), b"cat"]),
        (3, 3, [b"the"]),
        (None, 9, []),
    ],
)
def test_the_most_frequent_come_first_and_of_equal_ones_the_greater(size, min_count, words):
    blocks = [pack([b"cat", b"the"], [2, 5]), pack(["naïve".encode(), b"a"], [2, 1])]
    assert unpack(most_frequent(blocks, size, min_count))[0] == words


@pytest.mark.parametrize("size", [None, 1, 5])
def test_merging_in_any_order_keeps_the_same_words(monkeypatch, size):
    monkeypatch.setattr(word_counts, "_BLOCKS_HELD", 3)
    blocks = [pack([f"{first}{second}".encode() for second in "xyz"], [first, 3, 9 - first]) for first in range(8)]
    expected = most_frequent(blocks, size, 2)
    combine = word_counts._MostFrequent(size, 2)
    for seed in range(5):
        random.Random(seed).shuffle(blocks)
        parts = [combine.create_accumulator() for _ in range(3)]
        for number, block in enumerate(blocks):
            parts[number % 3] = combine.add_input(parts[number % 3], block)
        merged = combine.merge_accumulators(iter([*parts[:2], combine.compact(parts[2])]))
        assert combine.extract_output(merged) == expected
    assert combine.extract_output(combine.create_accumulator()) == pack([], [])


def test_the_keys_of_the_cache_are_the_same_in_each_run():
    for transform in (word_counts._Count, word_counts._Merge, CacheCoder):
        assert repr(transform()) == repr(transform()), transform


@pytest.mark.parametrize("block", [pack([], []), pack([b"a", "ä \r".encode()], [1, 2**40])])
def test_the_cache_keeps_a_bucket(block):
    coder = CacheCoder()
    assert coder.decode_cache(coder.encode_cache((255, block))) == (255, block)


def test_a_step_that_beam_repeats_leaves_the_file_that_others_read(tmp_path):
    pinned = tmp_path / "mine.txt"
    first = word_counts._write(pack([b"cat"], [3]), str(tmp_path / "temporary"), None, None, None)
    again = word_counts._write(pack([b"dog"], [3]), str(tmp_path / "temporary"), None, None, None)
    assert read_vocabulary(first.item())[4:] == [b"cat"]
    assert read_vocabulary(again.item())[4:] == [b"dog"]
    pinned.write_text("mine")
    first = preprocessing._copy(str(pinned), str(tmp_path / "temporary"))
    pinned.write_text("another")
    again = preprocessing._copy(str(pinned), str(tmp_path / "temporary"))
    assert [Path(path.item().decode()).read_text() for path in (first, again)] == ["mine", "another"]
    # The Transform graph names the vocabulary after its file.
    assert {Path(path.item().decode()).name for path in (first, again)} == {VOCABULARY_NAME}


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [VocabularyOptions(size=40), VocabularyOptions(size=None, min_count=2), VocabularyOptions(size=3, min_count=1000)],
)
def test_the_file_is_that_of_tfx(tmp_path, options):
    """Of many words with equal counts, some beyond ASCII; and where no word is frequent enough."""
    chance = random.Random(3)
    words = [f"w{number}" for number in range(60)] + ["é", "猫", "<unk>", "\U0001f408"]
    lines = [" ".join(chance.choices(words, k=8)) for _ in range(30)]

    def preprocessing_fn(inputs):
        split = tf.strings.split(inputs["text"]).flat_values
        ours = vocabulary_of_corpus(split, options)
        theirs = tft.vocabulary(
            tf.boolean_mask(split, split != "<unk>"),
            top_k=options.size,
            frequency_threshold=options.min_count,
            vocab_filename="theirs",
            reserved_tokens=RESERVED,
        )
        return {"ours": tft.apply_vocabulary(split, ours), "theirs": tft.apply_vocabulary(split, theirs)}

    metadata = tft.DatasetMetadata.from_feature_spec({"text": tf.io.FixedLenFeature([], tf.string)})
    with beam.Pipeline(runner=FnApiRunner()) as pipeline, tft_beam.Context(temp_dir=str(tmp_path / "temporary")):
        rows = pipeline | beam.Create([{"text": line.encode()} for line in lines], reshuffle=False)
        graph = (rows, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        graph | tft_beam.WriteTransformFn(str(tmp_path / "graph"))
    output = tft.TFTransformOutput(str(tmp_path / "graph"))
    ours, theirs = (Path(output.vocabulary_file_by_name(name)).read_bytes() for name in (VOCABULARY_NAME, "theirs"))
    assert ours == theirs
    assert output.vocabulary_size_by_name(VOCABULARY_NAME) == ours.count(b"\n")
