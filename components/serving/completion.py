"""The likeliest next words and sampled continuations: what `tfx-lm complete` prints."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from ..evaluator.signatures import NEXT_WORD, SCORE
from .detokenize import continue_text, readable_text, tokenizer_kind
from .saved_model import LanguageModel


def candidates(model: LanguageModel, text: str, top_n: int = 10) -> list[tuple[str, float]]:
    """Lists the likeliest next words.

    Args:
        model: From `scoring.load_model`, with the signature `next_word`.
        text: What comes before; it may be empty.
        top_n: How many words; fewer come back where the vocabulary has fewer.

    Returns:
        Words and their log-probabilities (nats), the likeliest first. The reserved tokens are never among them, and
        the probabilities are the model's, so they add up to less than 1.

    Raises:
        ValueError: If `top_n` is below 1.
    """
    if top_n < 1:
        raise ValueError(f"top_n={top_n}: must be >= 1")
    proposed = _candidates(model, text.encode("utf-8", "surrogateescape"), top_n)
    return [(_printable(word), log_probability) for word, log_probability in proposed]


def complete(
    model: LanguageModel, text: str, length: int, temperature: float = 1.0, top_k: int = 40, seed: int | None = 0
) -> str:
    """Continues a text word by word, each drawn from the likeliest `top_k`.

    Args:
        model: From `scoring.load_model`, with the signatures `next_word` and `score`.
        text: What comes before; it may be empty.
        length: Number of tokens to add (words; bytes for a byte model).
        temperature: Log-probabilities are divided by it: below 1 the likely words become likelier; 0 always takes
            the likeliest.
        top_k: Number of words drawn from.
        seed: Of the draws; the same seed gives the same text. None: another text each time.

    Returns:
        `text` as it is with the continuation appended as people write it.

    Raises:
        ValueError: If an argument is out of range, or the model gives no finite probability.
    """
    if length < 0:
        raise ValueError(f"length={length}: must be >= 0")
    if not (temperature >= 0 and math.isfinite(temperature)):
        raise ValueError(f"temperature={temperature}: must be a number >= 0")
    if top_k < 1:
        raise ValueError(f"top_k={top_k}: must be >= 1")
    kind = tokenizer_kind(_words(model.call(SCORE, text=tf.constant([b"a,b"]))["words"][0]))
    generator = np.random.default_rng(seed)
    prefix = text.encode("utf-8", "surrogateescape")
    words: list[str] = []
    for _ in range(length):
        proposed = _candidates(model, prefix, top_k)
        if not proposed:
            raise ValueError(f"{model.path}: the model proposes no word with a finite probability; it is broken")
        word = draw(proposed, temperature, generator)
        words.append(word)
        prefix = continue_text(prefix, [word], kind)
    return _printable(readable_text(text, words, kind))


def draw(proposed: list[tuple[str, float]], temperature: float, generator: np.random.Generator) -> str:
    """Draws one word with probability proportional to exp(log-probability / temperature).

    Args:
        proposed: Words and log-probabilities (nats), the likeliest first, at least one.
        temperature: 0 takes the first.
        generator: Where the chance comes from.
    """
    if temperature == 0:
        return proposed[0][0]
    log_probabilities = np.array([log_probability for _, log_probability in proposed], np.float64)
    # Relative to the largest, so that neither a small temperature nor small probabilities end in zeros alone.
    weights = np.exp((log_probabilities - log_probabilities.max()) / temperature)
    return proposed[generator.choice(len(proposed), p=weights / weights.sum())][0]


def _candidates(model: LanguageModel, text: bytes, top_n: int) -> list[tuple[str, float]]:
    outputs = model.call(NEXT_WORD, text=tf.constant([text]), k=tf.constant(top_n, tf.int32))
    pairs = zip(_words(outputs["words"][0]), outputs["log_probabilities"][0].tolist(), strict=True)
    return [(word, log_probability) for word, log_probability in pairs if word and math.isfinite(log_probability)]


def _words(words: np.ndarray) -> list[str]:
    # surrogateescape keeps bytes that are not UTF-8 for the way back to the model.
    return [word.decode("utf-8", "surrogateescape") for word in words.tolist()]


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
