"""Surprisal: the bits that each word of a few sentences costs each model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ...exported.batches import batches_by_length
from ...exported.exported_model import ExportedModel
from ...exported.signatures import SCORE, SCORE_IN_CONTEXT
from ...exported.sums import sentence_bits
from ...exported.token_identity import reads_pieces
from ...exported.words_of_pieces import text_of_pieces, word_lengths
from ...transform.vocabulary import UNKNOWN_ID
from ..evaluator.extremes import TEXT_BYTES, Sentence

# Number of words of a sentence that are shown.
SHOWN_WORDS = 200

# Bits at which the next level begins; level 0 is below the first.
LEVELS = (2.0, 5.0, 8.0, 12.0)


class Word(NamedTuple):
    """A word in the reading of one or more models.

    Attributes:
        text: The word; `</s>` is the end of the line.
        bits: Its cost for each model, -log2 of its probability; with subwords, the sum of its pieces'.
        unknown: Whether it is the unknown word, for each model.
    """

    text: str
    bits: tuple[float, ...]
    unknown: tuple[bool, ...]


class Reading(NamedTuple):
    """A sentence in the reading of models that split it alike.

    Attributes:
        models: Their names.
        words: The first `SHOWN_WORDS` words.
        left_out: Number of words that follow.
    """

    models: tuple[str, ...]
    words: tuple[Word, ...]
    left_out: int


class ScoredSentence(NamedTuple):
    """A sentence that stands out.

    Attributes:
        bits: Its rank; see `evaluator.extremes.Sentence`.
        text: The first `TEXT_BYTES` bytes of its text.
        shortened: Whether the text was longer.
        totals: Its cost for each model in bits, with unknown and cut words spelled out.
        readings: One, or one for each model if they do not split it alike.
    """

    bits: float
    text: str
    shortened: bool
    totals: dict[str, float]
    readings: tuple[Reading, ...]


class _Scored(NamedTuple):
    total: float
    words: tuple[str, ...]
    bits: tuple[float, ...]
    unknown: tuple[bool, ...]


def score_sentences(models: Mapping[str, ExportedModel], sentences: Sequence[Sentence]) -> list[ScoredSentence]:
    """Scores sentences word by word.

    Args:
        models: Models by name, with the signature `score`; may be empty.
        sentences: From the evaluation.

    Returns:
        The same sentences, in the same order.
    """
    texts = [sentence.text.encode() for sentence in sentences]
    contexts = [sentence.context.encode() for sentence in sentences]
    scored = {name: _score(model, texts, contexts) for name, model in models.items()}
    return [
        ScoredSentence(
            sentence.bits,
            sentence.text,
            len(texts[row]) >= TEXT_BYTES,
            {name: rows[row].total for name, rows in scored.items()},
            tuple(_readings({name: rows[row] for name, rows in scored.items()})),
        )
        for row, sentence in enumerate(sentences)
    ]


def _score(model: ExportedModel, texts: Sequence[bytes], contexts: Sequence[bytes]) -> list[_Scored]:
    results: dict[int, _Scored] = {}
    in_pieces = reads_pieces(model.path)
    in_context = model.context_tokens > 0
    lengths = [len(text) + in_context * len(context) for text, context in zip(texts, contexts, strict=True)]
    for rows in batches_by_length(lengths):
        inputs = {"text": tf.constant([texts[row] for row in rows], tf.string)}
        if in_context:
            inputs["context"] = tf.constant([contexts[row] for row in rows], tf.string)
        outputs = model.call(SCORE_IN_CONTEXT if in_context else SCORE, **inputs)
        totals = sentence_bits(outputs["nll"].astype(np.float64), outputs["spelled_bytes"].astype(np.float64))
        for position, row in enumerate(rows):
            real = outputs["mask"][position] > 0
            bits = -outputs["log_probabilities"][position][real].astype(np.float64) / math.log(2)
            tokens = outputs["words"][position][real].tolist()
            lengths = word_lengths(tokens) if in_pieces else [1] * len(tokens)
            begins = np.cumsum([0, *lengths])[:-1]
            words = [
                text_of_pieces(tokens[begin : begin + length]) if in_pieces else tokens[begin]
                for begin, length in zip(begins, lengths, strict=True)
            ]
            results[int(row)] = _Scored(
                float(totals[position]),
                tuple(word.decode("utf-8", "replace") for word in words),
                tuple(np.add.reduceat(bits, begins).tolist() if tokens else ()),
                tuple((outputs["ids"][position][real] == UNKNOWN_ID)[begins].tolist()),
            )
    return [results[row] for row in range(len(texts))]


def _readings(scored: Mapping[str, _Scored]) -> list[Reading]:
    """Returns the readings; models that split the sentence alike share one."""
    if not scored:
        return []
    alike = len({result.words for result in scored.values()}) == 1
    groups = [tuple(scored)] if alike else [(name,) for name in scored]
    return [_reading(names, [scored[name] for name in names]) for names in groups]


def _reading(names: tuple[str, ...], scored: Sequence[_Scored]) -> Reading:
    words = scored[0].words
    shown = [
        Word(word, tuple(result.bits[i] for result in scored), tuple(result.unknown[i] for result in scored))
        for i, word in enumerate(words[:SHOWN_WORDS])
    ]
    return Reading(names, tuple(shown), max(0, len(words) - SHOWN_WORDS))


def level(bits: float) -> int:
    """Returns how strongly a word is marked, 0 to 4: `level(1.9) == 0`, `level(2.0) == 1`, `level(inf) == 4`.

    NaN, which is a fault, is 4 too.
    """
    return len(LEVELS) if math.isnan(bits) else sum(bits >= edge for edge in LEVELS)
