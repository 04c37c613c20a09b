"""The requests of the serving check: texts that break servers, and sentences whose loss is known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import tensorflow as tf

from ...transform.preprocessing import TEXT

# As many sentences as the largest batch that is tried.
SENTENCES = 256

TEXTS = {
    "an empty string": b"",
    "one unknown word": "☃unknown☃".encode(),
    "20,000 words": b"word " * 20_000,
    "a word of 100,000 letters": b"x" * 100_000,
    "invalid UTF-8": b"\xff\xfe the \xc3( cat \xed\xa0\x80",
    "control characters": b"\x00 a \x01\r\n\t b \x7f",
}


def read_examples(folders: Sequence[str]) -> list[bytes]:
    """Reads the first sentences of a split.

    Args:
        folders: The folders of the split's files, compressed TFRecords of `tf.train.Example`.

    Returns:
        `SENTENCES` serialized examples; from the beginning again where the split has fewer.

    Raises:
        ValueError: If there is none.
    """
    files = sorted(file for folder in folders for file in tf.io.gfile.glob(f"{folder}/*"))
    records = tf.data.TFRecordDataset(files, compression_type="GZIP").take(SENTENCES).as_numpy_iterator()
    examples = list(records)
    if not examples:
        raise ValueError(f"{', '.join(folders)}: no examples to check the model with; set example_split")
    return list(itertools.islice(itertools.cycle(examples), SENTENCES))


def text_of(example: bytes) -> bytes:
    """The text of a serialized example, empty where it has none."""
    values = tf.train.Example.FromString(example).features.feature[TEXT].bytes_list.value
    return values[0] if values else b""
