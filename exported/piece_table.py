"""Table of the pieces that begin a word, for many pieces at a time."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from ..transform.vocabulary import END_ID, RESERVED, START_ID
from .word_boundaries import APOSTROPHES, boundaries, kinds_of
from .words_of_pieces import begins_word, ending, spelled

# What a word may end with, by an example: nothing, a letter, an apostrophe behind one, what is a word alone, a mark,
# and a part of a character. Which pieces begin a word then is the same for nearly all that end alike.
_NOTHING, _LETTER, _APOSTROPHE, _ALONE, _MARK, _PART = range(6)
_EXAMPLES = (b"", b"a", b"a'", b"(", b" ", b"\xc3")


class PieceTable:
    """What `begins_word` returns for each piece of a vocabulary.

    Args:
        vocabulary: The pieces by their ids.
    """

    def __init__(self, vocabulary: Sequence[bytes]) -> None:
        self._vocabulary = vocabulary
        # What a piece begins with decides, so that a few stand for all.
        heads = [_head(piece) for piece in vocabulary]
        like = dict(zip(heads, vocabulary, strict=True))
        columns = {head: [begins_word(piece, word) for word in _EXAMPLES] for head, piece in like.items()}
        self._begins = np.array([columns[head] for head in heads], bool).reshape(-1, len(_EXAMPLES)).T

    def begins(self, words: Sequence[bytes]) -> np.ndarray:
        """Returns which pieces begin a word behind each of several words.

        Args:
            words: Words as far as they go, `spelled`.

        Returns:
            bool `[words, vocabulary]`.
        """
        return self._begins[[_ending(word) for word in words]]

    def count_words(self, ids: np.ndarray, rows: np.ndarray) -> int:
        """Counts the words of lines; the reserved tokens are none.

        It looks at two pieces at a time. So an apostrophe is never a word alone, and a character that is spelled in
        bytes goes on with the word before it.

        Args:
            ids: int `[pieces]`, those of all lines.
            rows: int `[pieces]`, the line of each.
        """
        before = np.concatenate([[START_ID], ids[:-1]])[: len(ids)]
        before[1:][rows[1:] != rows[:-1]] = START_ID
        return int(np.count_nonzero(self._begins[self._endings[before], ids] & (ids >= len(RESERVED))))

    @functools.cached_property
    def _endings(self) -> np.ndarray:
        endings = [_NOTHING] * len(RESERVED)
        for piece in self._vocabulary[len(RESERVED) :]:
            if piece.decode("utf-8", "replace") in APOSTROPHES:
                endings.append(_APOSTROPHE)
            else:
                ending = _ending(spelled([piece]))
                endings.append(_LETTER if ending == _PART else ending)
        return np.array(endings)


@functools.lru_cache(maxsize=4)
def piece_table(vocabulary: tuple[bytes, ...]) -> PieceTable:
    """Returns the table of a vocabulary, the same one for the same vocabulary."""
    return PieceTable(vocabulary)


def _head(piece: bytes) -> str:
    if piece == RESERVED[END_ID].encode():
        return piece.decode()
    return kinds_of(spelled([piece]).decode("utf-8", "ignore")[:2])


def _ending(word: bytes) -> int:
    text = ending(word)
    if text is None:
        return _PART
    if not text.strip(" "):
        return _MARK if text else _NOTHING
    if len(text) in boundaries(text + "a"):
        return _ALONE
    return _APOSTROPHE if text.endswith(APOSTROPHES) else _LETTER
