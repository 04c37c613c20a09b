"""Next words and sampled continuations; `tfx-lm complete` prints them."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from .completion_options import CompletionOptions
from .continuation import Continuation
from .detokenize import readable_text, tokenizer_kind
from .exported_model import ExportedModel
from .next_words import PIECES_OF_A_WORD, ends_with_space, next_words
from .sampling import draw
from .signatures import NEXT_WORD, SCORE
from .text_in_document import in_document
from .token_identity import reads_pieces
from .words_of_pieces import ENDING, begins_word, spelled

_DEFAULTS = CompletionOptions()


def candidates(model: ExportedModel, text: str, top_n: int = 10, context: str = "") -> list[tuple[str, float]]:
    """Lists the likeliest next words.

    Args:
        model: From `scoring.load_model`, with the signature `next_word`; with subwords or a context, `tokenize` and
            `step`.
        text: The text before; it may be empty. A model with a context reads its last line behind the others.
        top_n: Number of words; fewer are returned if the vocabulary has fewer.
        context: The lines before the text in its document.

    Returns:
        Words and their log-probabilities (nats), the likeliest first. The reserved tokens are never among them, and
        the probabilities are the model's, so they add up to less than 1. With subwords they are whole words, see
        `next_words`.

    Raises:
        SettingError: There is a context, and the model reads none.
        ValueError: If `top_n` is below 1.
    """
    if top_n < 1:
        raise ValueError(f"top_n={top_n}: must be >= 1")
    line, before = in_document(model, text, context)
    if reads_pieces(model.path):
        found = next_words(Continuation(model, line, context=before), top_n, text)
        return [(word.decode(), log_probability) for word, log_probability in found]
    if before:
        likeliest = Continuation(model, line, context=before).likeliest(top_n)
        return [(word.decode("utf-8", "replace"), log_probability) for word, log_probability in likeliest]
    outputs = model.call(NEXT_WORD, text=tf.constant([line]), k=tf.constant(top_n, tf.int32, _shape_of_k(model)))
    words = map(_printable, _words(outputs["words"][0]))
    pairs = zip(words, outputs["log_probabilities"][0].tolist(), strict=True)
    return [(word, log_probability) for word, log_probability in pairs if word and math.isfinite(log_probability)]


def complete(
    model: ExportedModel,
    text: str,
    length: int = _DEFAULTS.length,
    temperature: float = _DEFAULTS.temperature,
    top_k: int | None = _DEFAULTS.top_k,
    top_p: float = _DEFAULTS.top_p,
    seed: int | None = _DEFAULTS.seed,
    context: str = "",
) -> str:
    """Continues a text word by word. Each further word costs the same, however long the text has become.

    Args:
        model: From `scoring.load_model`, with the signatures `tokenize`, `step` and `score`.
        text: The text before; it may be empty. A model with a context reads its last line behind the others.
        length: Number of tokens to add (words; bytes for a byte model). With subwords: of words; the first may go on
            with the last one of the text.
        temperature: Below 1 the likely words become likelier; 0 always takes the likeliest word.
        top_k: Number of likeliest words to draw from; None: all.
        top_p: Draws from the fewest of these words that have this share of the probability together.
        seed: Seed of the draws; the same seed gives the same text. None: another text each time.
        context: The lines before the text in its document. The continuation stays in the text's last line.

    Returns:
        `text` as it is with the continuation appended as people write it.

    Raises:
        SettingError: If an argument is out of range, or there is a context and the model reads none.
        ValueError: If the model gives no finite probability.
    """
    options = CompletionOptions.parse(
        {"length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    )
    generator = np.random.default_rng(seed)
    line, before = in_document(model, text, context)
    continuation = Continuation(model, line, context=before)
    if reads_pieces(model.path):
        return _printable(text + _words_in_pieces(continuation, options, ends_with_space(text), generator))
    kind = tokenizer_kind(_words(model.call(SCORE, text=tf.constant([b"a,b"]))["words"][0]))
    words = [continuation.append(_draw(options, continuation, generator)) for _ in range(length)]
    return _printable(readable_text(text, _words(np.array(words, object)), kind))


def _words_in_pieces(
    continuation: Continuation, options: CompletionOptions, at_beginning: bool, generator: np.random.Generator
) -> str:
    """Draws pieces until the words are complete, of which the first may go on with the text's last one."""
    pieces: list[bytes] = []
    words, word = 0, b""
    # At most so many on average: a model that never ends a word must not go on for ever.
    while options.length and len(pieces) < options.length * PIECES_OF_A_WORD:
        first = at_beginning and not pieces
        token = _draw(options, continuation, generator, begins_only=first)
        if begins_word(continuation.words[token], word):
            words, word = words + 1, b""
        if words > options.length:
            break
        pieces.append(continuation.append(token))
        word = (word + spelled(pieces[-1:]))[-ENDING:]
    text = spelled(pieces)
    return (text.removeprefix(b" ") if at_beginning else text).decode("utf-8", "surrogateescape")


def _draw(
    options: CompletionOptions, continuation: Continuation, generator: np.random.Generator, begins_only: bool = False
) -> int:
    """Draws the next token; with `begins_only`, one that follows white space."""
    allowed = continuation.after_space if begins_only else True
    try:
        return draw(options, np.where(allowed, continuation.log_probabilities, -np.inf), generator)
    except ValueError as error:
        raise ValueError(f"{continuation.path}: {error}") from error


def _shape_of_k(model: ExportedModel) -> list[int]:
    # A scalar in models of earlier versions.
    inputs = model.inputs(NEXT_WORD)
    return [1] * inputs["k"].shape.rank


def _words(words: np.ndarray) -> list[str]:
    # surrogateescape keeps bytes that are not UTF-8 as they are.
    return [word.decode("utf-8", "surrogateescape") for word in words.tolist()]


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
