"""Unicode normalization of a text: letters that look the same are the same characters.

`é` is one character in NFC and two, `e` and U+0301, in NFD. TensorFlow has no operation for it, so Python normalizes a
text where it is read, and before it comes to an exported model.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Literal

from ..settings import Settings

Normalization = Literal["none", "nfc"]


# All marks, and other signs. Python orders the marks behind a letter by insertion, which takes minutes for a million.
_MANY_MARKS = re.compile(r"[^\w\s\x00-\u02ff]{32,}")
_MANY = 256
# The only marks whose parts are of different classes.
_OF_TWO_CLASSES = str.maketrans({mark: unicodedata.normalize("NFD", mark) for mark in "\u0f73\u0f75\u0f81"})


class NormalizationOptions(Settings):
    """The option of that name."""

    # nfc: text is read in Unicode's form C, so that é is the same letter in one character or in two, also by the model
    # later on. none: text is read as it is.
    normalization: Normalization = "none"


def normalized(text: str, normalization: Normalization) -> str:
    """Returns the text in a normalization; as it is for `none`."""
    if normalization == "none":
        return text
    if len(text) > _MANY and not text.isascii():
        text = _MANY_MARKS.sub(_in_order, text)
    return unicodedata.normalize("NFC", text)


def _in_order(signs: re.Match[str]) -> str:
    """Orders marks as every normalization does: by their class, and those of one class as they stand."""
    parts = itertools.groupby(signs[0].translate(_OF_TWO_CLASSES), lambda sign: unicodedata.combining(sign) > 0)
    return "".join(
        sign for marks, part in parts for sign in (sorted(part, key=unicodedata.combining) if marks else part)
    )


def normalized_bytes(text: bytes, normalization: Normalization) -> bytes:
    """Returns UTF-8 in a normalization; bytes that are no UTF-8 stay as they are."""
    if normalization == "none" or text.isascii():
        return text
    return normalized(text.decode("utf-8", "surrogateescape"), normalization).encode("utf-8", "surrogateescape")
