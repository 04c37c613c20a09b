"""Next words of a model that reads pieces of words: a beam search over pieces until a word ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..transform.tokenizer import MARK
from ..transform.vocabulary import RESERVED
from .continuation import Continuation
from .exported_model import ExportedModel
from .piece_table import piece_table
from .words_of_pieces import spelled, text_of_pieces

LAST_TOKENS = 1024
"""Most tokens of a text that an answer to `next_word` reads, as the signature does."""

PIECES_OF_A_WORD = 16
"""Most pieces of a proposed word."""

# Beginnings of words that are followed at once.
_FEWEST, _MOST = 16, 128


def next_words_of_texts(
    model: ExportedModel, texts: Sequence[bytes], counts: Sequence[int], contexts: Sequence[bytes] | None = None
) -> dict[str, np.ndarray]:
    """Answers as the signature `next_word` does, with whole words: a graph would propose pieces.

    Args:
        model: With the signatures `tokenize` and `step`.
        texts: The texts before; only the last `LAST_TOKENS` tokens of each are read.
        counts: The number of words to propose for each, 0 or more; at most as many as the vocabulary has.
        contexts: The lines before each, as `next_word_in_context` takes them; None: none.

    Returns:
        `words`, bytes, and `log_probabilities`, float32 nats, each `[texts, largest count]`: the likeliest first, ""
        and -inf where there are no more.
    """
    most = len(model.words) - len(RESERVED)
    counts = [min(count, most) for count in counts]
    shape = [len(texts), max(counts, default=0)]
    words, log_probabilities = np.full(shape, b"", object), np.full(shape, -np.inf, np.float32)
    for row, (text, count) in enumerate(zip(texts, counts, strict=True)):
        if not count:
            continue
        continuation = Continuation(model, text, LAST_TOKENS, b"" if contexts is None else contexts[row])
        found = next_words(continuation, count, text.decode("utf-8", "replace"))
        for column, (word, log_probability) in enumerate(found):
            words[row, column], log_probabilities[row, column] = word, log_probability
    return {"words": words, "log_probabilities": log_probabilities}


def ends_with_space(text: str) -> bool:
    """Returns whether what follows a text begins a word."""
    return not text or text[-1].isspace()


def next_words(continuation: Continuation, top_n: int, text: str) -> list[tuple[bytes, float]]:
    """Lists the likeliest words that follow a text.

    The probability of a word is that of its pieces and of an end behind them: a piece that begins another word, or
    `</s>`. With these probabilities

        ▁cat 0.5    behind it s 0.2 or ▁sat 0.8; behind s ▁sat 1

    a text goes on with `cat` (0.4) or `cats` (0.1). The last word of a text is taken for complete, so that these pieces
    never go on with it. The search follows the likeliest beginnings only: it may miss a word of many unlikely pieces.

    Args:
        continuation: The model after the text.
        top_n: Number of words; there may be fewer.
        text: The text. Nothing is attached to white space; a word may be attached to a quote, a bracket or a hyphen.

    Returns:
        Words in valid UTF-8 and their log-probabilities (nats), the likeliest first.
    """
    pieces = continuation.words
    real = np.arange(len(pieces)) >= len(RESERVED)
    marked = continuation.after_space
    table = piece_table(tuple(pieces))
    width = min(max(2 * top_n, _FEWEST), _MOST)

    allowed = marked if ends_with_space(text) else table.begins([text.split()[-1].encode("utf-8", "replace")])[0]
    first = np.where(real & allowed, continuation.log_probabilities, -np.inf)
    _, tokens, scores = _likeliest(first[np.newaxis], width, -np.inf)
    words = [(token,) for token in tokens]
    states = continuation.states[np.zeros(len(words), int)]
    found: dict[bytes, float] = {}
    for _ in range(PIECES_OF_A_WORD):
        if not words:
            break
        log_probabilities, states = continuation.after(np.array([[word[-1]] for word in words]), states)
        log_probabilities = log_probabilities.astype(np.float64) + scores[:, np.newaxis]
        # Behind a mark that stands alone no word ends.
        alone = np.array([pieces[word[-1]] == MARK.encode() for word in words])[:, np.newaxis]
        begins = table.begins([spelled(pieces[token] for token in word) for word in words])
        ended = np.logaddexp.reduce(np.where(begins & ~alone, log_probabilities, -np.inf), axis=1)
        for word, score in zip(words, ended.tolist(), strict=True):
            spelling = text_of_pieces(pieces[token] for token in word)
            if _is_text(spelling) and np.isfinite(score):
                # The same word in other pieces is the same word.
                found[spelling] = float(np.logaddexp(found.get(spelling, -np.inf), score))
        # A longer word is less likely than its beginning.
        least = sorted(found.values())[-top_n] if len(found) >= top_n else -np.inf
        further = np.where(real & ~marked & ~begins, log_probabilities, -np.inf)
        rows, tokens, scores = _likeliest(further, width, least)
        words = [(*words[row], token) for row, token in zip(rows, tokens, strict=True)]
        states = states[rows]
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))[:top_n]


def _likeliest(scores: np.ndarray, most: int, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the rows, columns and values of the largest values of a matrix, of those above `least`."""
    flat = scores.ravel()
    # Neither NaN nor minus infinity is above anything.
    places = np.flatnonzero(flat > least)
    places = places[np.argsort(-flat[places], kind="stable")[:most]]
    rows, columns = np.unravel_index(places, scores.shape)
    return rows, columns, flat[places]


def _is_text(word: bytes) -> bool:
    try:
        return bool(word.decode())
    except UnicodeDecodeError:
        return False
