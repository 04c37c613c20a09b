"""Words from pieces of words, the tokens of a model with `vocabulary.kind: subwords`."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from ..transform.tokenizer import MARK
from ..transform.vocabulary import END_ID, RESERVED
from .detokenize import is_unspaced_script

_BYTE_TOKEN = re.compile(rb"<0x([0-9A-F]{2})>")
_MARK = MARK.encode()
_END = RESERVED[END_ID].encode()


def spelled(pieces: Iterable[bytes]) -> bytes:
    """Joins pieces to the text that they spell; one with the mark begins with a space.

    Example: `▁the`, `▁cat`, `s`, `,`, `▁` and `<0x21>` are ` the cats, !`.

    Args:
        pieces: Pieces of a vocabulary.
    """
    return b"".join(map(_spelled, pieces))


def text_of_pieces(pieces: Iterable[bytes]) -> bytes:
    """Joins the pieces of a line to its text, as `spelled` does, without white space at its beginning."""
    return spelled(pieces).removeprefix(b" ")


def word_lengths(pieces: Sequence[bytes]) -> list[int]:
    """Groups the pieces of a line to words.

    Example: `▁the`, `▁cat`, `s`, `,`, `</s>` are `the`, `cats`, `,` and `</s>`, so that the lengths are 1, 2, 1 and 1.

    Args:
        pieces: The pieces of a line.

    Returns:
        The number of pieces of each word, in their order.
    """
    lengths: list[int] = []
    before = None
    for piece in pieces:
        if not lengths or begins_word(piece, before):
            lengths.append(0)
        lengths[-1] += 1
        before = piece
    return lengths


def pieces_per_word(counts: np.ndarray, vocabulary: Sequence[bytes]) -> float:
    """Returns how many pieces a word has on average, `</s>` left out; NaN without words.

    A mark that stands alone before punctuation or a character of a script without spaces counts as a word, since the
    counts do not tell what follows it.

    Args:
        counts: int `[vocabulary]`, how often each id occurs; empty if nothing was counted.
        vocabulary: The pieces by their ids.
    """
    if not counts.size:
        return math.nan
    counts = np.where(np.arange(len(vocabulary)) >= len(RESERVED), counts, 0)
    words = counts[[begins_word(piece) for piece in vocabulary]].sum()
    return float(counts.sum() / words) if words else math.nan


def begins_word(piece: bytes, before: bytes | None = None) -> bool:
    """Returns whether a word begins with a piece, as the tokenizer `word` has words.

    It has the mark, is the end of the line, or begins with punctuation other than an apostrophe, a symbol, or a
    character of a script without spaces. Behind a mark that stands alone it does not: the word has begun with that.

    Args:
        piece: The piece.
        before: The piece before it in the line; None for any that is no mark alone.
    """
    if piece == _END:
        return True
    if before == _MARK:
        return False
    if piece.startswith(_MARK):
        return True
    if _BYTE_TOKEN.fullmatch(piece):
        return False
    first = piece.decode("utf-8", "replace")[0]
    return (unicodedata.category(first)[0] in "PS" and first not in "'’") or is_unspaced_script(first)


def _spelled(piece: bytes) -> bytes:
    match = _BYTE_TOKEN.fullmatch(piece)
    if match is not None:
        return bytes([int(match.group(1), 16)])
    return b" " + piece[len(_MARK) :] if piece.startswith(_MARK) else piece
