"""tf.Examples, as ExampleGen and Transform write them."""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf


def text_example(text: str | bytes) -> bytes:
    """A serialized example with one line of text."""
    value = text.encode() if isinstance(text, str) else text
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature={"text": feature})).SerializeToString()


def ids_example(ids: Iterable[int], context_ids: Iterable[int] | None = None) -> bytes:
    """A serialized example with the ids of one line, and those of its context if there is one."""
    values = {"ids": ids} if context_ids is None else {"ids": ids, "context_ids": context_ids}
    feature = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=value)) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def write_records(path: Path | str, records: Iterable[bytes], compression: str = "GZIP") -> str:
    """Writes a TFRecord file; returns its path."""
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return str(path)
