"""Words and counts of texts in plain Python, to compare ours with; shares no code with them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

RESERVED = ("<pad>", "<unk>", "<s>", "</s>")
WHITE_SPACE = " \t\n\v\f\r"
KANA_AND_HAN = (
    "CJK UNIFIED IDEOGRAPH-", "CJK COMPATIBILITY IDEOGRAPH-", "KANGXI RADICAL ", "CJK RADICAL ", "HIRAGANA LETTER ",
    "KATAKANA LETTER ", "HALFWIDTH KATAKANA LETTER ", "KATAKANA-HIRAGANA PROLONGED SOUND MARK",
)  # fmt: skip


def words(text: str, kind: str, lowercase: bool) -> list[bytes]:
    """The words of a line, by the rules that the documentation of the tokenizers states."""
    if kind == "byte":
        data = text.encode()
        return [b"<0x%02X>" % byte for byte in (data.lower() if lowercase else data)]
    text = "".join(" " if _separates(letter) else letter for letter in text) if kind == "word" else text
    text = text.replace("\0", " ")
    text = text.lower() if lowercase else text
    pieces = _split_off(text) if kind == "word" else text
    for letter in WHITE_SPACE:
        pieces = pieces.replace(letter, " ")
    found = [word for word in pieces.split(" ") if word]
    return [(b"<unk>" if word in RESERVED else word.encode()) for word in found]


@cache
def _separates(letter: str) -> bool:
    return unicodedata.category(letter) in ("Zs", "Zl", "Zp", "Cc") or letter == "\ufeff"


@cache
def alone(letter: str) -> bool:
    """Whether a character is a word by itself: punctuation, a symbol, Han or kana."""
    name = unicodedata.name(letter, "")
    return unicodedata.category(letter)[0] in "PS" or name.startswith(KANA_AND_HAN)


@cache
def _in_word(letter: str) -> bool:
    return not alone(letter) and (unicodedata.category(letter)[0] not in "ZC" or unicodedata.category(letter) == "Cn")


def _split_off(text: str) -> str:
    """Puts spaces around what is a word of its own."""
    parts: list[str] = []
    place = 0
    while place < len(text):
        end = _with_apostrophes(text, place)
        end = end or next((place + len(token) for token in RESERVED if text.startswith(token, place)), 0)
        if not end and alone(text[place]):
            end = place + 1
            while end < len(text) and (unicodedata.category(text[end])[0] == "M" or text[end] == "\u200d"):
                end += 1
        parts.append(f" {text[place:end]} " if end else text[place])
        place = end or place + 1
    return "".join(parts)


def _with_apostrophes(text: str, place: int) -> int:
    """The end of letters that apostrophes join, such as rock'n'roll; 0 if no such thing begins here."""
    last = 0
    end = place
    while True:
        begin = end
        while end < len(text) and _in_word(text[end]):
            end += 1
        if end == begin:
            return last
        if begin > place:
            last = end
        if end == len(text) or text[end] not in "'\u2019":
            return last
        end += 1


@dataclass
class Totals:
    """Sums of lines, as the evaluation reports them."""

    lines: int = 0
    bytes: int = 0
    tokens: int = 0
    unknown: int = 0


def totals(texts: list[str], vocabulary: set[bytes], kind: str, lowercase: bool) -> Totals:
    """Sums over lines of which nothing is cut: their words, and one token for the end of each."""
    total = Totals()
    for text in texts:
        made = words(text, kind, lowercase)
        total.lines += 1
        total.bytes += len(text.encode()) + 1
        total.tokens += len(made) + 1
        total.unknown += sum(word not in vocabulary for word in made)
    return total
