"""Words of a pinned vocabulary that are in no normalized text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ..errors import SettingError, escape
from ..text_files.normalization import Normalization, normalized_bytes


def check_normalized(path: str, words: Sequence[bytes], normalization: Normalization) -> None:
    """Refuses a vocabulary of text in another normalization.

    Worked example: with `nfc`, one that holds `café` with U+0301 is refused; one that also holds `é` and `naïve`, as
    single characters, is not, since lower-casing makes a few words that are not in NFC.

    Args:
        path: The option `vocabulary.file`.
        words: What the file holds, words or pieces of words.
        normalization: The option of that name.

    Raises:
        SettingError: Of the words that have another form, most are not in the normalization.
    """
    lost = [word for word in words if normalized_bytes(word, normalization) != word]
    if lost and len(lost) > sum(_has_other_form(word) for word in words) - len(lost):
        shown = escape(repr(lost[0].decode(errors="replace")))
        raise SettingError(
            f"vocabulary file {escape(path)}: {len(lost):,} of its words are not in {normalization.upper()}, such as "
            f"{shown} ({len(lost[0].decode(errors='replace'))} characters), and never occur with "
            f"{{normalization}}={normalization}; set {{normalization}} to none, or {{vocabulary_file}} to the "
            "vocabulary of a text with that normalization"
        )


def _has_other_form(word: bytes) -> bool:
    text = word.decode("utf-8", "surrogateescape")
    return any(unicodedata.normalize(form, text) != text for form in ("NFC", "NFD"))
