"""Unicode normalization of a text: letters that look the same are the same characters.

`é` is one character in NFC and two, `e` and U+0301, in NFD. TensorFlow has no operation for it, so Python normalizes a
text where it is read, and before it comes to an exported model.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

from ..settings import Settings

Normalization = Literal["none", "nfc"]


class NormalizationOptions(Settings):
    """The option of that name."""

    # nfc: text is read in Unicode's form C, so that é is the same letter in one character or in two, also by the model
    # later on. none: text is read as it is.
    normalization: Normalization = "none"


def normalized(text: str, normalization: Normalization) -> str:
    """Returns the text in a normalization; as it is for `none`."""
    return text if normalization == "none" else unicodedata.normalize("NFC", text)


def normalized_bytes(text: bytes, normalization: Normalization) -> bytes:
    """Returns UTF-8 in a normalization; bytes that are no UTF-8 stay as they are."""
    if normalization == "none" or text.isascii():
        return text
    return normalized(text.decode("utf-8", "surrogateescape"), normalization).encode("utf-8", "surrogateescape")
