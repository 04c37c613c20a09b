"""Records that are serialized `tf.train.Example`s with the feature `text`."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from ...transform.preprocessing import CONTEXT, TEXT
from .batch import Read


class ExampleRecords:
    """Adds the scores as features: counts as int64, other scores as float32, a missing one as NaN.

    Worked example: an Example with `text: "the cat"` also has `lm_tokens: 3` and `lm_perplexity: 2.0`.
    """

    def read(self, element: bytes) -> Read:
        """Returns the Example, its text and its context; one that is missing is empty, as it is to `evaluate`."""
        features = tf.train.Example.FromString(element).features.feature
        lists = [features[name].bytes_list.value if name in features else () for name in (TEXT, CONTEXT)]
        text, context = (values[0] if values else b"" for values in lists)
        return Read(element, text, context)

    def write(self, record: bytes, scores: dict[str, Any]) -> bytes:
        """Returns the Example with the scores among its features, serialized."""
        example = tf.train.Example.FromString(record)
        for name, value in scores.items():
            feature = example.features.feature[name]
            if isinstance(value, int):
                feature.int64_list.value[:] = [value]
            else:
                feature.float_list.value[:] = [math.nan if value is None else value]
        return example.SerializeToString()

    def element(self, written: list[bytes]) -> list[bytes]:
        """Returns them as they are: a block of a TFRecord file."""
        return written
