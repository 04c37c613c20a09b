"""Serialized Examples among strings: all of them are recognised, and no text is."""

import random

import numpy as np
import pytest
import tensorflow as tf
from helpers.examples import ids_example, text_example
from helpers.made_up_corpus import made_up_lines
from tfx_lm.model import serialized_examples
from tfx_lm.transform import preprocessing


def bytes_feature(*values):
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def example(**features):
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


EXAMPLES = {
    "the docstring's": text_example("hi"),
    "empty text": text_example(""),
    "no value": example(text=tf.train.Feature()),
    "two bytes of size": text_example("x" * 300),
    "three bytes of size": text_example("é" * 100_000),
    "bytes that are no text": text_example(bytes(range(256))),
    "transformed": ids_example([7, 9, 3]),
    "several features": example(
        text=bytes_feature(b"the cat", b"a dog"),
        weight=tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])),
        year=tf.train.Feature(int64_list=tf.train.Int64List(value=[1900, 2**40])),
    ),
    "a long name": example(**{"k" * 200: bytes_feature(b"1")}),
}
HI = EXAMPLES["the docstring's"]
TEXTS = [
    b"", b"\n", b"\n\x00", b"\n" * 50, b"\n\n\n\x12", b"\x12", b"the cat", "\u00fc\n".encode(), bytes(range(256)),
    HI[:-1], HI + b"x", HI[1:], b" " + HI, HI.replace(b"\x12", b"\x13"), HI.replace(b"text", b"tex"),
    # Its lines are as long as their first characters say, as no tool writes text; but it holds no control character.
    b"\n&\n$\n\"" + b"x" * 34,
]  # fmt: skip


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def refuse(text):
    return serialized_examples.refuse_examples(text)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_refused_wherever_it_stands(name):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"serialized tf\.Example, not a line; use the signature"):
        refuse(tf.constant([b"the cat", EXAMPLES[name], b""]))


def test_text_is_returned():
    assert refuse(tf.constant(TEXTS)).numpy().tolist() == TEXTS
    assert refuse(tf.constant([], tf.string)).numpy().tolist() == []


def test_random_lines_and_bytes_are_text():
    pick = random.Random(1)
    lines = [line.encode() for line in made_up_lines(500, seed=3)]
    # Made of what an Example's beginning is made of, so that some of its tests hold.
    lines += [bytes(pick.choices(b"\n\x12\x02\x04\x06the ", k=pick.randrange(20))) for _ in range(20_000)]
    # An Example but for one byte of its sizes and tags.
    for _ in range(2000):
        changed = bytearray(HI)
        changed[pick.choice([0, 1, 2, 3, 4, 5, 10, 11, 13])] ^= pick.randrange(1, 256)
        lines.append(bytes(changed))
    assert refuse(tf.constant(lines)).numpy().tolist() == lines


def test_transformed_examples_are_no_raw_ones():
    assert serialized_examples._TRANSFORMED == preprocessing.IDS

    def refuse_transformed(examples):
        return serialized_examples.refuse_transformed(tf.constant(examples), tf.constant([b"a", *[b""] * 3])).numpy()

    other = example(ids=bytes_feature(b"1"), year=bytes_feature(b"2"))
    raw = [text_example("a"), text_example(""), example(year=bytes_feature(b"2")), other]
    np.testing.assert_array_equal(refuse_transformed(raw), [b"a", b"", b"", b""])
    with pytest.raises(tf.errors.InvalidArgumentError, match="so they are transformed; give the raw ones"):
        refuse_transformed([*raw[:3], ids_example([7, 9, 3])])
