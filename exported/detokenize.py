"""Text from a model's tokens, for each kind of tokenizer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# No space before the first, none after the second, and none on either side of the last.
_CLOSING = set(".,;:!?%)]}»”’…")
_OPENING = set("([{«“‘$£€#@")
_JOINING = set("-/'_–")

# Chinese and Japanese: punctuation and kana; full-width forms and half-width katakana; full-width signs; and Han
# characters that a later Unicode names.
_WIDE = (("\u3000", "\u30ff"), ("\uff01", "\uff9f"), ("\uffe0", "\uffe6"), ("\U00020000", "\U0003fffd"))
_WIDE_NAMES = ("CJK", "KANGXI", "HIRAGANA", "KATAKANA", "HENTAIGANA")

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def tokenizer_kind(probe_words: Sequence[str]) -> str:
    """Finds out a model's tokenizer from how it splits the text `a,b`.

    | words | kind |
    |---|---|
    | `<0x61> <0x2C> <0x62> </s>` | `byte` |
    | `a , b </s>` | `word` |
    | `a,b </s>` | `whitespace` |

    Args:
        probe_words: The words of the `score` signature for `a,b`.

    Returns:
        `byte`, `word` or `whitespace`.
    """
    if any(_BYTE_TOKEN.fullmatch(word) for word in probe_words):
        return "byte"
    return "word" if "," in probe_words else "whitespace"


def readable_text(text: str, words: Sequence[str], kind: str) -> str:
    """Appends words the way people write them.

    Example: `readable_text("the cat", [",", "he", "said"], "word")` is `"the cat, he said"`.

    Args:
        text: The text before; it is kept as it is.
        words: The model's tokens.
        kind: `byte`: their bytes are read as UTF-8, and invalid ones become the replacement character.
            `whitespace`: one space between words. `word`: also, punctuation is attached, and there is no
            space between ideographs.

    Returns:
        The text with the words appended.
    """
    if kind == "byte":
        return text + b"".join(_raw_byte(word) for word in words).decode("utf-8", "replace")
    result = text
    for word in words:
        glued = not result or result[-1].isspace() or (kind == "word" and _attached(result, word))
        result += word if glued else f" {word}"
    return result


def _attached(text: str, word: str) -> bool:
    last = text[-1]
    if word[:1] in _CLOSING | _JOINING or last in _OPENING | _JOINING:
        return True
    if word == '"' or last == '"':
        # With an odd number of straight quotes so far, one is open.
        return text.count('"') % 2 == 1
    # Words of full-width letters, as of a name in Japanese, have spaces between them, and none beside other characters.
    return _is_wide(last) and _is_wide(word[:1]) and not (_is_wide_letter(last) and _is_wide_letter(word[0]))


def _is_wide(character: str) -> bool:
    """Returns whether a character is of a script without spaces, or of its punctuation; False for no character."""
    if any(first <= character <= last for first, last in _WIDE):
        return True
    return bool(character) and unicodedata.name(character, "").startswith(_WIDE_NAMES)


def _is_wide_letter(character: str) -> bool:
    return "\uff00" < character < "\uff66" and character.isalnum()


def _raw_byte(word: str) -> bytes:
    match = _BYTE_TOKEN.fullmatch(word)
    if match is None:
        raise ValueError(f"{word!r}: not a token of a byte model; such a model's vocabulary holds <0x00> to <0xFF>")
    return bytes([int(match.group(1), 16)])
