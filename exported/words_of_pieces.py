"""Words from pieces of words, the tokens of a model with `vocabulary.kind: subwords`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from ..transform.tokenizer import MARK
from ..transform.vocabulary import END_ID, RESERVED
from .word_boundaries import APOSTROPHES, boundaries, byte_boundaries

_BYTE_TOKEN = re.compile(rb"<0x([0-9A-F]{2})>")
_MARK = MARK.encode()
_END = RESERVED[END_ID].encode()
_LETTER = "a"
# As much of a word, in bytes, as tells whether another one begins behind it.
ENDING = 128
_REST_OF_A_CHARACTER = bytes(range(0x80, 0xC0))


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
    """Groups the pieces of a line to words, as the tokenizer `word` has words.

    Example: `▁the`, `▁cat`, `s`, `,`, `</s>` are `the`, `cats`, `,` and `</s>`, so that the lengths are 1, 2, 1 and 1.

    Args:
        pieces: The pieces of a line.

    Returns:
        The number of pieces of each word, in their order.
    """
    spellings = [b"" if piece == _END else _spelled(piece) for piece in pieces]
    # Where a line was cut, its last character may lack bytes.
    begins = byte_boundaries(b"".join(spellings).decode("utf-8", "ignore"))
    places = accumulate(map(len, spellings), initial=0)
    lengths: list[int] = []
    for piece, place in zip(pieces, places, strict=False):
        if not lengths or piece == _END or place in begins:
            lengths.append(0)
        lengths[-1] += 1
    return lengths


def begins_word(piece: bytes, word: bytes) -> bool:
    """Returns whether a word begins with a piece, for a text whose rest is not known.

    A piece begins a word if it has the mark, is the end of the line, or begins with what the tokenizer `word` splits
    off: punctuation, a symbol or a character of a script without spaces. So does any piece behind these. An apostrophe
    behind a letter goes on with its word, since a letter may follow, and so does the first byte of a character.
    Behind a mark that stands alone no piece begins a word: the word has begun with that.

    Args:
        piece: The piece.
        word: The word before it, as far as it goes, `spelled`; b"" at the beginning of a text.
    """
    if piece == _END or not word:
        return True
    before = ending(word)
    if before is None:
        return False
    text = before + (_spelled(piece).decode("utf-8", "ignore") or _LETTER)
    return len(before) in boundaries(text + _LETTER if text.endswith(APOSTROPHES) else text)


def ending(word: bytes) -> str | None:
    """Returns the end of a word, `ENDING` bytes at most; None within a character."""
    end = word[-ENDING:]
    try:
        # It may begin within a character.
        return (end if len(word) < ENDING else end.lstrip(_REST_OF_A_CHARACTER)).decode()
    except UnicodeDecodeError:
        return None


def _spelled(piece: bytes) -> bytes:
    match = _BYTE_TOKEN.fullmatch(piece)
    if match is not None:
        return bytes([int(match.group(1), 16)])
    return b" " + piece[len(_MARK) :] if piece.startswith(_MARK) else piece
