"""TFRecord files of Examples, as TextExampleGen and Transform write them."""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf


def integers(values: Iterable[int]) -> tf.train.Feature:
    """Returns a feature of ids."""
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def text(line: str) -> tf.train.Feature:
    """Returns a feature with one line of text."""
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[line.encode()]))


def write_examples(path: Path, examples: Iterable[dict[str, tf.train.Feature]], compression: str = "GZIP") -> str:
    """Writes a file.

    Args:
        path: The file; its folder is created.
        examples: The features of each example by name.
        compression: `GZIP`, or "" for none.

    Returns:
        The path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for features in examples:
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    return str(path)
