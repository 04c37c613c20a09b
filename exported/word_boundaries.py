"""Boundaries of words in a text, as the tokenizer `word` splits it, for text that stands in no graph.

The playground has the same rules in JavaScript.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from itertools import accumulate

from ..transform.tokenizer import MARK

APOSTROPHES = ("'", "’")

# Each character by its kind: L letter or digit, M mark, J joiner, A alone (punctuation, a symbol, a character of a
# script without spaces), ' apostrophe, B and T the beginning and the rest of a reserved token, - any other.
# What is split off. Letters without an apostrophe are not; they are matched whole, since to look for an apostrophe
# behind each of them takes a time that grows with the square of their number, as it does to look behind each space.
_SPLIT_OFF = re.compile(r"(?<! ) *(?:BT+|[LM]+(?P<more>(?:'[LM]+)*)|['A][MJ]*)")
_SPACE = re.compile(" +")
_RESERVED = re.compile("<pad>|<unk>|</?s>")
_UNSPACED = re.compile(
    "(?:CJK (?:UNIFIED|COMPATIBILITY) IDEOGRAPH|IDEOGRAPHIC (?:ITERATION|NUMBER)|VERTICAL IDEOGRAPHIC|HANGZHOU|"
    "HIRAGANA|KATAKANA|HENTAIGANA|HALFWIDTH KATAKANA LETTER)"
)
# Where later versions of Unicode have emoji and Han characters.
_LATER_ALONE = (("\U0001f000", "\U0001faff"), ("\U00020000", "\U0003fffd"))


def boundaries(text: str) -> set[int]:
    """Returns where the words of a text begin, and where they end if another one follows at once.

    Example: ` the (cat)` has words at 0, 4 (` (`), 6 (`cat`) and 9; the text ends at 10.

    Args:
        text: A text, with a space before each word that follows white space.
    """
    kinds = kinds_of(text)
    matches = [match.span() for match in _SPLIT_OFF.finditer(kinds) if match["more"] != ""]
    return {0, *(match.start() for match in _SPACE.finditer(kinds)), *(place for span in matches for place in span)}


def byte_boundaries(text: str) -> set[int]:
    """Returns `boundaries` in bytes of UTF-8."""
    sizes = list(accumulate((len(character.encode()) for character in text), initial=0))
    return {sizes[place] for place in boundaries(text)}


def kinds_of(text: str) -> str:
    """Returns the kind of each character, as many characters as the text has."""
    kinds = list(map(_kind, text))
    for match in _RESERVED.finditer(text):
        begin, end = match.span()
        kinds[begin:end] = "B" + "T" * (end - begin - 1)
    return "".join(kinds)


@functools.lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    if character == " ":
        return " "
    if character in APOSTROPHES:
        return "'"
    if character == "\u200d":
        return "J"
    category = unicodedata.category(character)
    if category == "Cn":
        # Not yet in the Unicode of this Python; among these are emoji and Han characters.
        return "A" if any(first <= character <= last for first, last in _LATER_ALONE) else "L"
    category = category[0]
    if category in "PS":
        # A mark in the text is no mark of a piece, and stays within its word.
        return "-" if character == MARK else "A"
    if category in "ZC":
        return "-"
    if category == "M":
        return "M"
    return "A" if _UNSPACED.match(unicodedata.name(character, "")) else "L"
