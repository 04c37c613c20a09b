"""The examples that are scored, as TextExampleGen writes them."""

from pathlib import Path

import tensorflow as tf


def write_examples(lines: list[str], tokens: int, folder: Path) -> None:
    """Writes lines, again and again, until they have so many tokens.

    Args:
        lines: The text.
        tokens: Words and one end for each line.
        folder: The examples' folder; they are its split `eval`.
    """
    split = folder / "Split-eval"
    split.mkdir(parents=True)
    written = 0
    with tf.io.TFRecordWriter(str(split / "data_tfrecord-00000-of-00001.gz"), "GZIP") as writer:
        while written < tokens:
            for line in lines:
                feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[line.encode()]))
                example = tf.train.Example(features=tf.train.Features(feature={"text": feature}))
                writer.write(example.SerializeToString())
                written += len(line.split()) + 1
                if written >= tokens:
                    break
