"""Preprocessing function that TFX's Transform runs: lines of text to ids.

On disk there is one feature of variable length, the targets of a line. It is the smallest layout, and the
trainer can pad each batch to its own longest row. Measured on PTB train, 2-core CPU
(42,068 lines, 10,000 words; `benchmarks/disk_format.py`, batches of 256 brought to the same inputs, targets
and mask; ms of processor time for a pass, medians of 15):

    max_length  layout                      raw MB   gzip MB   parse raw   parse gzip
            32  targets, variable             2.57      1.34         166          175
            32  targets, padded               3.04      1.39         135          143
            32  inputs, targets, mask        11.79      1.92         147          163
           128  targets, variable             2.64      1.40         186          199
           128  targets, padded               7.30      1.51         157          170
           128  inputs, targets, mask       36.40      2.34         183          248

Padded rows parse about 18 % faster, 0.7 microseconds a line, which is negligible beside a training step; raw,
they are 1.2 to 2.8 times as large, and they fix the padding before the batch is known.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from ..errors import SettingError
from . import lengths
from .context import Context
from .normalized_words import check_normalized
from .options import TextOptions, VocabularyOptions
from .pieces import check_kind_of_pinned, piece_ids
from .ragged_rows import end_with
from .reachable_words import check_reachable
from .tokenizer import tokenize, tokenize_marked
from .vocabulary import (
    END_ID,
    RESERVED,
    UNKNOWN_ID,
    VOCABULARY_NAME,
    check_pinned_vocabulary,
    lookup_table,
    new_vocabulary_path,
    read_vocabulary,
)
from .word_counts import grown_vocabulary, vocabulary_of_corpus

TEXT = "text"
"""The raw feature: one line, bytes."""

CONTEXT = "context"
"""The raw feature of what came before the line, if the options ask for it: its lines with `\\n` between two, bytes."""

IDS = "ids"
"""The transformed feature, the only one without a context: a variable number of int64 ids."""

CONTEXT_IDS = "context_ids"
"""The transformed feature of the context: a variable number of int64 ids."""


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, tf.SparseTensor]:
    """Turns lines into the targets of a language model.

    The line `the cat` with the = 7, cat = 9 becomes `[7, 9, 3]`; with `max_length` 2 it becomes `[7, 9]`;
    an empty line `[3]`. So a row is never empty, and one without a final 3 was cut. `padding.pad_batch`
    makes inputs, padding and mask from it for each batch.

    Args:
        inputs: `text`, and `context` with `context_tokens`: string, one line per Example: dense `[batch]` or
            `[batch, 1]`, or sparse or ragged with at most one value each (none is an empty line).
        custom_config: The options, as `TextOptions.from_custom_config` reads them. Other keys are ignored.

    Returns:
        `ids`: int64 sparse, to be read as `VarLenFeature`; with `context_tokens` also `context_ids`, see
        `context.Context`.

    Raises:
        SettingError: If an option is missing or invalid.
        ValueError: If there is no feature `text`, or no `context`.
    """
    options = TextOptions.from_custom_config(custom_config)
    if options.vocabulary.from_ is not None:
        raise SettingError(
            f"{{vocabulary_from}}={options.vocabulary.from_}: only TextTransform with a base_model can take the "
            "vocabulary of a model; set {vocabulary_file} to a text file"
        )
    for name in (TEXT, CONTEXT) if options.context_tokens else (TEXT,):
        if name not in inputs:
            raise ValueError(f"the examples have no feature {name!r}, only {sorted(inputs)}; add it")
    lines = _one_line_each(inputs[TEXT])
    if options.vocabulary.file:
        check_pinned_vocabulary(options.vocabulary.file)
        words = read_vocabulary(options.vocabulary.file)
        check_kind_of_pinned(options.vocabulary.file, words, options.vocabulary.kind)
        check_normalized(options.vocabulary.file, words, options.normalization)
        with tf.init_scope():  # Now, and not as a part of the graph.
            check_reachable(words, options.tokenizer, options.lowercase)
    # The lines of all contexts stand behind the lines, so that one look-up does for both: each has a table.
    context = Context(_one_line_each(inputs[CONTEXT])) if options.context_tokens else None
    split = tokenize_marked if options.vocabulary.kind == "subwords" else tokenize
    tokens = split(lines, options.tokenizer, options.lowercase)
    behind = [] if context is None else [split(context.lines, options.tokenizer, options.lowercase)]
    vocabulary_file = _vocabulary(tokens.flat_values, options.vocabulary)
    if options.vocabulary.kind == "subwords":
        ids = tft.apply_vocabulary(
            _rows([tokens, *behind]), vocabulary_file, default_value=UNKNOWN_ID, lookup_fn=_piece_ids
        )
        own = ids if context is None else ids[: tokens.nrows()]
        max_length = lengths.maximum_length(options.max_length, own.row_lengths() + 1, options.auto_limit)
        own = own[:, :max_length]
    else:
        max_length = lengths.maximum_length(options.max_length, tokens.row_lengths() + 1, options.auto_limit)
        # Cut before the look-up as well: a line may hold millions of words more than are kept.
        ids = tft.apply_vocabulary(_rows([tokens[:, :max_length], *behind]), vocabulary_file, default_value=UNKNOWN_ID)
        own = ids if context is None else ids[: tokens.nrows()]
    features = {IDS: end_with(END_ID, own)[:, :max_length].to_sparse()}
    if context is not None:
        features[CONTEXT_IDS] = context.ids(ids[tokens.nrows() :], options.context_tokens).to_sparse()
    return features


def _rows(parts: list[tf.RaggedTensor]) -> tf.RaggedTensor:
    """Returns the rows of all parts, one behind the other."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def _piece_ids(words: tf.RaggedTensor, path: Any) -> tuple[tf.RaggedTensor, tf.Tensor]:
    """Returns the ids of the pieces of words, and the size of the vocabulary; for `tft.apply_vocabulary`."""
    with contextlib.ExitStack() as stack:
        # Of a vocabulary that exists, the table is made once, and not with each call of the graph.
        if isinstance(path, str | bytes | tf.__internal__.EagerTensor):
            stack.enter_context(tf.init_scope())
        table = lookup_table(path)
        size = table.size()
    return piece_ids(words, table.lookup), size


def _one_line_each(text: Any) -> tf.Tensor:
    """Returns the feature, in any form that Transform gives it, as a dense string `[batch]`."""
    if isinstance(text, tf.RaggedTensor):
        text = text.to_sparse()
    if isinstance(text, tf.SparseTensor):
        # A second value in an Example does not fit this shape, and is an error.
        one_column = tf.stack([text.dense_shape[0], 1])
        text = tf.sparse.to_dense(tf.SparseTensor(text.indices, text.values, one_column), default_value="")
    return text if text.shape.rank == 1 else tf.squeeze(text, axis=1)


def _vocabulary(words: tf.Tensor, options: VocabularyOptions) -> tf.Tensor:
    """Counts `[words]` (or takes the pinned file), and returns the path of the vocabulary's text file."""
    if options.file and options.grow:
        return grown_vocabulary(words, options.file, options.grow, options.min_count or 1)
    if options.file:
        (path,) = tft.experimental.ptransform_analyzer(
            inputs=[tf.size(words)],
            ptransform=_KeepFile(options.file),
            output_dtypes=[tf.string],
            output_shapes=[[]],
            output_asset_default_values=["\n".join(RESERVED).encode()],
            name=VOCABULARY_NAME,
        )
        return path
    return vocabulary_of_corpus(words, options)


class _KeepFile(tft_beam.experimental.PTransformAnalyzer):
    """Copies a vocabulary file to the name under which the Transform graph finds it."""

    def __init__(self, source: str):
        super().__init__()
        self._source = source

    def expand(self, batches):
        pipeline = batches.pipeline
        return pipeline | "Source" >> beam.Create([self._source]) | "Copy" >> beam.Map(_copy, self.base_temp_dir)


def _copy(source: str, folder: str) -> np.ndarray:
    target = new_vocabulary_path(folder)
    tf.io.gfile.copy(source, target)
    return np.array(target.encode())
