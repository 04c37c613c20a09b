"""Peer of our `preprocessing_fn`: the same ids with TFX's own analyzer, as most people write it."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx_lm.transform.lengths import maximum_length
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.tokenizer import tokenize
from tfx_lm.transform.vocabulary import END_ID, RESERVED, UNKNOWN_ID, VOCABULARY_NAME


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, tf.SparseTensor]:
    """Turns lines into ids with `tft.vocabulary`; see `tfx_lm.transform.preprocessing`."""
    options = TextOptions.from_custom_config(custom_config)
    tokens = tokenize(tf.squeeze(inputs["text"], axis=1), options.tokenizer, options.lowercase)
    max_length = maximum_length(options.max_length, tokens.row_lengths() + 1, options.auto_limit)
    words = tokens.flat_values
    vocabulary = tft.vocabulary(
        tf.boolean_mask(words, words != RESERVED[UNKNOWN_ID]),
        top_k=options.vocabulary.size,
        frequency_threshold=options.vocabulary.min_count,
        vocab_filename=VOCABULARY_NAME,
        reserved_tokens=RESERVED,
        file_format="text",
    )
    ids = tft.apply_vocabulary(tokens[:, :max_length], vocabulary, default_value=UNKNOWN_ID)
    end = tf.fill([tokens.nrows(), 1], tf.constant(END_ID, tf.int64))
    return {"ids": tf.concat([ids, end], axis=1)[:, :max_length].to_sparse()}
