"""Signatures of the exported model: plain TensorFlow functions of raw text.

Each function is traced once with its input signature and saved under its own name. What several of them do is a
function too, which is saved once: half as many operations to trace, to save and to load. All of them use the softmax
of the training, so that they cannot disagree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from ..transform import accounting, padding, tokenizer, vocabulary
from ..transform.pieces import piece_ids
from ..transform.ragged_rows import begin_with
from .language_model import LanguageModel
from .serialized_examples import refuse_examples, refuse_transformed
from .transform_graph import TransformGraph

# Number of last words of a prefix that `next_word` reads.
PREFIX_WORDS = 1024


class _Scored(NamedTuple):
    """Lines with the loss of each token: [batch, time] each, except `tokens`, which is ragged, and `sums`."""

    tokens: tf.RaggedTensor
    batch: padding.PaddedBatch
    nll: tf.Tensor
    sums: dict[str, tf.Tensor]


class Signatures:
    """The functions of the exported model.

    Args:
        model: The trained weights, in float32 and without cuDNN.
        transform: The Transform graph of the training.
        tokenizer_kind: `tokenizer` of the transform's configuration.
        lowercase: `lowercase` of the transform's configuration.
    """

    def __init__(
        self,
        model: LanguageModel,
        transform: TransformGraph,
        tokenizer_kind: tokenizer.TokenizerKind,
        lowercase: bool,
    ):
        self._model = model
        self._transform = transform
        self._kind = tokenizer_kind
        self._ids_of_words = vocabulary.lookup_table(transform.vocabulary_path)
        self._words_of_ids = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                transform.vocabulary_path,
                key_dtype=tf.int64,
                key_index=tf.lookup.TextFileIndex.LINE_NUMBER,
                value_dtype=tf.string,
                value_index=tf.lookup.TextFileIndex.WHOLE_LINE,
            ),
            default_value="",
        )
        # Called by several signatures.
        text = tf.TensorSpec([None], tf.string)
        self._line = _function(refuse_examples, text)
        self._words = _function(lambda line: self._tokens(line, lowercase), text)
        self._hidden = _function(model.hidden, tf.TensorSpec([None, None], tf.int64))
        self._scored_in_context = _function(self._score, *[text] * (2 if transform.has_context else 1))

    def _tokens(self, line: tf.Tensor, lowercase: bool) -> tf.RaggedTensor:
        """Returns the words of each line, or their pieces: string [batch, None]."""
        if not self._transform.subwords:
            return tokenizer.tokenize(line, self._kind, lowercase)
        words = tokenizer.tokenize_marked(line, self._kind, lowercase)
        return tf.ragged.map_flat_values(self._words_of_ids.lookup, piece_ids(words, self._ids_of_words.lookup))

    @property
    def tables(self) -> list[tf.lookup.StaticHashTable]:
        """Tables that the functions use and a SavedModel must hold."""
        return [self._ids_of_words, self._words_of_ids]

    def functions(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the function of each signature, by its name."""
        text = tf.TensorSpec([None], tf.string, name="text")
        k = tf.TensorSpec([None], tf.int32, name="k")
        examples = tf.TensorSpec([None], tf.string, name="examples")
        ids = tf.TensorSpec([None, None], tf.int64, name="ids")
        states = tf.TensorSpec([None, *self._model.state_shape], tf.float32, name="states")
        in_context = {}
        if self._transform.has_context:
            context = tf.TensorSpec([None], tf.string, name="context")
            in_context["score_in_context"] = _function(self.score_in_context, text, context)
            in_context["next_word_in_context"] = _function(self.next_word_in_context, text, context, k)
        return {
            "serving_default": _function(self.serving_default, text),
            "score": _function(self.score, text),
            "next_word": _function(self.next_word, text, k),
            "tokenize": _function(self.tokenize, text),
            "step": _function(self.step, ids, states),
            "evaluate": _function(self.evaluate, examples),
            **in_context,
        }

    def evaluate(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the sums of each raw example, for the Evaluator.

        Args:
            examples: string [batch], serialized `tf.train.Example`s with the feature `text`; one without it
                is an empty line; transformed ones, which have only `ids`, are refused. A model that was trained with
                contexts reads the feature `context` before each line; one without it begins a document.

        Returns:
            float32 [batch] each: `nll` (nats), `tokens`, `bytes`, `oov_tokens`, `oov_nll` (the part of `nll`
            from unknown words), `truncated_tokens` and `spelled_bytes` (see `transform.accounting`); with contexts
            also `context_tokens`, how many were read before the line.
        """
        feature = tf.io.FixedLenFeature([], tf.string, default_value="")
        names = ("text", "context") if self._transform.has_context else ("text",)
        parsed = tf.io.parse_example(examples, dict.fromkeys(names, feature))
        return self._scored(refuse_transformed(examples, parsed["text"]), parsed.get("context")).sums

    def score(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the log-probability of each token.

        Args:
            text: string [batch], raw lines.

        Returns:
            [batch, time] each: `words` (string, as read; the last one of a line that was not cut is `</s>`;
            "" on padding), `ids` (int64, 0 on padding), `log_probabilities` (float32 nats, 0.0 on padding)
            and `mask` (float32, 1.0 on tokens); and the [batch] sums of `evaluate`.
        """
        return self._described(self._scored(self._line(text)))

    def score_in_context(self, text: tf.Tensor, context: tf.Tensor) -> dict[str, tf.Tensor]:
        r"""Returns the log-probability of each token of lines that stand in a document.

        Args:
            text: string [batch], raw lines.
            context: string [batch], the lines before each in its document, with `\n` between two; empty for the first
                line. The model reads the last tokens of it, as many as in its training, and scores none of them.

        Returns:
            As `score`.
        """
        return self._described(self._scored(self._line(text), context))

    def _described(self, scored: _Scored) -> dict[str, tf.Tensor]:
        """Returns what `score` does."""
        time = tf.shape(scored.batch.targets, tf.int64)[1]
        words = scored.tokens.to_tensor("", shape=tf.stack([-1, time]))
        words = tf.where(scored.batch.targets == vocabulary.END_ID, vocabulary.RESERVED[vocabulary.END_ID], words)
        return {
            "words": tf.where(scored.batch.mask > 0, words, ""),
            "ids": scored.batch.targets,
            "log_probabilities": tf.where(scored.batch.mask > 0, -scored.nll, 0.0),
            "mask": scored.batch.mask,
            **scored.sums,
        }

    def serving_default(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the log-probability of each line.

        Args:
            text: string [batch], raw lines.

        Returns:
            float32 [batch] each: `log_probability` (nats, ≤ 0), `tokens` and `perplexity` per token.
        """
        sums = self._scored(self._line(text)).sums
        return {
            "log_probability": -sums["nll"],
            "tokens": sums["tokens"],
            "perplexity": tf.exp(sums["nll"] / sums["tokens"]),
        }

    def next_word(self, text: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the most probable next words.

        Args:
            text: string [batch], the beginnings of lines; only the last `PREFIX_WORDS` words of each are read.
            k: int32 [batch], number of words to propose for each text, 0 or more, limited to the vocabulary's size.
                A scalar and a [1] count for all texts. (TensorFlow Serving cannot batch scalars.)

        Returns:
            [batch, largest k] each, the most probable first: `words` (string) and `log_probabilities` (float32 nats),
            "" and -inf beyond the `k` of the text. The reserved tokens are never proposed; their probabilities
            are missing from the sum.
        """
        return self._next_word(text, None, k)

    def next_word_in_context(self, text: tf.Tensor, context: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the most probable next words of lines that stand in a document.

        Args:
            text: See `next_word`.
            context: See `score_in_context`.
            k: See `next_word`.

        Returns:
            As `next_word`.
        """
        # The context alone: the graph would cut the line to `max_length`.
        _, before = self._transform.ids_and_context(tf.fill(tf.shape(context), ""), context)
        return self._next_word(text, before, k)

    def _next_word(self, text: tf.Tensor, before: tf.RaggedTensor | None, k: tf.Tensor) -> dict[str, tf.Tensor]:
        # First, since the rest cannot take a scalar, which servers let through.
        k = tf.broadcast_to(k, tf.shape(text))
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(k >= 0), ["k: must be 0 or more, is", k])]):
            k = tf.minimum(k, self._model.vocabulary_size - len(vocabulary.RESERVED))
        tokens = self._words(self._line(text))[:, -PREFIX_WORDS:]
        ids = tf.ragged.map_flat_values(self._ids_of_words.lookup, tokens)
        inputs = begin_with(vocabulary.START_ID, ids)
        if before is not None:
            inputs = tf.concat([before, inputs], axis=1)
        padded = inputs.to_tensor(vocabulary.PAD_ID, shape=tf.stack([-1, _steps(inputs.row_lengths())]))
        states = self._hidden(padded)
        last = tf.gather(states, tf.cast(inputs.row_lengths(), tf.int32) - 1, batch_dims=1)
        log_probabilities = self._model.softmax.log_probabilities(last)
        reserved = len(vocabulary.RESERVED)
        most = tf.reduce_max(tf.concat([k, [0]], axis=0))
        best, index = tf.math.top_k(log_probabilities[:, reserved:], most)
        words = self._words_of_ids.lookup(tf.cast(index, tf.int64) + reserved)
        proposed = tf.sequence_mask(k, most)
        return {"words": tf.where(proposed, words, ""), "log_probabilities": tf.where(proposed, best, -math.inf)}

    def tokenize(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the words of each line and their ids for `step`; nothing is cut.

        `the cat` with ids the = 7 and cat = 9, in a batch with a line of three words: ids [7, 9, 0], mask [1, 1, 0].

        Args:
            text: string [batch], raw lines.

        Returns:
            [batch, time] each: `words` (string, "" on padding), `ids` (int64, 0 on padding) and `mask` (float32,
            1.0 on words). `<s>` and `</s>` are not among them.
        """
        tokens = self._words(self._line(text))
        ids = tf.ragged.map_flat_values(self._ids_of_words.lookup, tokens)
        return {
            "words": tokens.to_tensor(""),
            "ids": ids.to_tensor(vocabulary.PAD_ID),
            "mask": tf.ones_like(ids, tf.float32).to_tensor(0.0),
        }

    def step(self, ids: tf.Tensor, states: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the probabilities after some more tokens, without reading the previous ones again.

        A client begins with `<s>` (id 2) and states of zeros, and each time passes the states of the previous answer.

        Args:
            ids: int64 [batch, time], the new tokens, at least one, equally many in each row.
            states: float32 [batch, layers, 2, units], those of the previous answer; zeros at the beginning.

        Returns:
            `log_probabilities`: float32 [batch, vocabulary] nats, of each next id, the reserved ones
            included; `states`: float32 [batch, layers, 2, units].
        """
        size = tf.constant(self._model.vocabulary_size, tf.int64)
        # An id out of range would be an error on a CPU and a row of zeros on a GPU.
        known = tf.debugging.Assert(
            tf.reduce_all((ids >= 0) & (ids < size)), ["ids: must be from 0 to the size of the vocabulary,", size]
        )
        some = tf.debugging.Assert(tf.shape(ids)[1] >= 1, ["ids: must hold at least one token in each row"])
        with tf.control_dependencies([known, some]):
            last, states = self._model.hidden_after(tf.identity(ids), states)
        return {"log_probabilities": self._model.softmax.log_probabilities(last), "states": states}

    def _scored(self, text: tf.Tensor, context: tf.Tensor | None = None) -> _Scored:
        """Returns the losses of lines, by default of lines that begin a document."""
        if not self._transform.has_context:
            return self._scored_in_context(text)
        return self._scored_in_context(text, tf.fill(tf.shape(text), "") if context is None else context)

    def _score(self, text: tf.Tensor, context: tf.Tensor | None = None) -> _Scored:
        tokens = self._words(text)
        read = {}
        if context is None:
            ids = self._transform.ids(text)
            batch = padding.pad_batch(ids, _steps(ids.row_lengths()))
            hidden = self._hidden(batch.inputs)
        else:
            ids, before = self._transform.ids_and_context(text, context)
            batch = padding.pad_batch(ids, _steps(ids.row_lengths()))
            hidden = self._hidden_behind(before, ids, batch)
            read["context_tokens"] = tf.cast(before.row_lengths(), tf.float32)
        nll = self._model.softmax.nll(hidden, batch.targets, batch.mask)
        line = accounting.line_sums(text, tokens, ids, self._kind, self._transform.subwords)
        unknown = batch.targets == vocabulary.UNKNOWN_ID
        sums = {
            "nll": sum_of_tokens(nll),
            "oov_nll": sum_of_tokens(tf.where(unknown, nll, 0.0)),
            **line._asdict(),
            **read,
        }
        return _Scored(tokens, batch, nll, sums)

    def _hidden_behind(self, context: tf.RaggedTensor, ids: tf.RaggedTensor, batch: padding.PaddedBatch) -> tf.Tensor:
        """Returns the states [batch, time, width] of the lines alone, which are read behind their contexts."""
        steps = _steps(context.row_lengths() + ids.row_lengths())
        states = self._hidden(padding.pad_batch(ids, steps, context).inputs)
        time = tf.shape(batch.targets, tf.int64)[1]
        position = context.row_lengths()[:, tf.newaxis] + tf.range(time)
        # Beyond the end of a shorter row nothing counts.
        return tf.gather(states, tf.minimum(position, steps - 1), batch_dims=1)


def _function(python_function: Callable[..., Any], *inputs: tf.TensorSpec) -> tf.types.experimental.GenericFunction:
    """Returns a function that is traced once.

    None has Python control flow over tensors. AutoGraph would take seconds to look for some.
    """
    return tf.function(python_function, autograph=False, input_signature=inputs)


def sum_of_tokens(nll: tf.Tensor) -> tf.Tensor:
    """Adds each row in float64: in float32 the last digits would depend on how far the batch is padded.

    Args:
        nll: float32 [batch, time], 0 on padding.

    Returns:
        float32 [batch].
    """
    return tf.cast(tf.reduce_sum(tf.cast(nll, tf.float64), axis=1), tf.float32)


def _steps(lengths: tf.Tensor) -> tf.Tensor:
    """Returns the length of the longest row, at least 1, since an LSTM cannot run over no steps."""
    return tf.reduce_max(tf.concat([lengths, [1]], axis=0))
