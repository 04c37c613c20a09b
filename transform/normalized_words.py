"""Words of a pinned vocabulary that are in no normalized text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from ..errors import SettingError, escape
from ..text_files.normalization import Normalization, normalized, normalized_bytes
from .reachable_words import that_never_occur


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


def normalized_warning(words: Sequence[bytes], normalization: Normalization, lowercase: bool) -> SettingError | None:
    """Returns a warning about the words of a vocabulary that are in no normalized text, if they are few.

    Worked example: with `nfc`, `café` with U+0301 never occurs. `ǰ` with U+030C occurs with lower case alone: `J̌` is in
    NFC, since it has no form of one character.

    Args:
        words: The vocabulary, the four reserved tokens first (`vocabulary.read_vocabulary`).
        normalization: The normalization of the text.
        lowercase: Whether the tokenizer lower-cases.

    Returns:
        A warning that names settings, to be shown; None if there are no such words.
    """
    lost = [
        word
        for word in words
        if normalized_bytes(word, normalization) != word and not (lowercase and _is_lower_case(word, normalization))
    ]
    if not lost:
        return None
    return SettingError(
        f"{that_never_occur(lost, words)}: {{normalization}}={normalization} makes other words of them; write them in "
        f"{normalization.upper()} in the file, or set {{normalization}} to none"
    )


def _is_lower_case(word: bytes, normalization: Normalization) -> bool:
    """Returns whether a normalized text has capitals that become this word."""
    text = word.decode("utf-8", "surrogateescape")
    capitals = "".join(letter.upper() if letter.upper().lower() == letter else letter for letter in text)
    return normalized(capitals, normalization) == capitals


def _has_other_form(word: bytes) -> bool:
    text = word.decode("utf-8", "surrogateescape")
    return any(unicodedata.normalize(form, text) != text for form in ("NFC", "NFD"))
