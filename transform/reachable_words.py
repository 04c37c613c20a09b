"""Words of a vocabulary that a tokenizer can make. The others never occur; in text they become unknown words."""

from collections.abc import Sequence

import tensorflow as tf

from ..errors import SettingError, escape
from .options import TokenizerKind
from .pieces import MARK_ID, holds_pieces
from .tokenizer import MARK, tokenize, tokenize_marked
from .vocabulary import RESERVED

# Number of words tokenized together.
_BATCH = 10_000
_SHOWN = 3


def unreachable_words(words: Sequence[bytes], kind: TokenizerKind, lowercase: bool) -> list[bytes]:
    """Finds the words that the tokenizer makes from no text.

    Worked example: of `[<pad>, <unk>, <s>, </s>, the, The, can't, e-mail]`, the tokenizer `word` with lower case can
    make all but `The` and `e-mail`, which it splits into three words.

    Args:
        words: The vocabulary, the four reserved tokens first (`vocabulary.read_vocabulary`).
        kind: The tokenizer.
        lowercase: Whether it lower-cases.

    Returns:
        The words, in their order; never a reserved token.
    """
    unreachable = []
    own = words[len(RESERVED) :]
    if holds_pieces(words):
        return _unreachable_pieces(words[MARK_ID + 1 :], kind, lowercase)
    if kind == "byte":
        every_byte = tf.constant([bytes([value]) for value in range(256)])
        made = set(tokenize(every_byte, kind, lowercase).flat_values.numpy().tolist())
        return [word for word in own if word not in made]
    for begin in range(0, len(own), _BATCH):
        batch = own[begin : begin + _BATCH]
        tokens = tokenize(tf.constant(batch, tf.string), kind, lowercase).to_list()
        unreachable += [word for word, made in zip(batch, tokens, strict=True) if made != [word]]
    return unreachable


def _unreachable_pieces(pieces: Sequence[bytes], kind: TokenizerKind, lowercase: bool) -> list[bytes]:
    """Returns the pieces that are part of no word: neither a word by themselves nor one between two letters."""
    mark = MARK.encode()
    texts = [piece.removeprefix(mark) for piece in pieces]
    lost = []
    for begin in range(0, len(pieces), _BATCH):
        batch = texts[begin : begin + _BATCH]
        alone = tokenize_marked(tf.constant(batch, tf.string), kind, lowercase).to_list()
        between = tokenize_marked(tf.constant([b"a%ba" % text for text in batch], tf.string), kind, lowercase).to_list()
        lost += [
            piece
            for piece, text, words, longer in zip(pieces[begin : begin + _BATCH], batch, alone, between, strict=True)
            if words != [mark + text] and longer != [mark + b"a%ba" % text]
        ]
    return lost


def that_never_occur(lost: Sequence[bytes], words: Sequence[bytes]) -> str:
    """Returns how many words of a vocabulary never occur, and the first of them: how a warning begins.

    Args:
        lost: The words that never occur, at least one.
        words: The vocabulary, the four reserved tokens first.
    """
    shown = ", ".join(repr(word.decode(errors="replace")) for word in lost[:_SHOWN])
    return (
        f"{len(lost):,} of the {len(words) - len(RESERVED):,} words in {{vocabulary_file}} can never occur, such as "
        f"{escape(shown)}"
    )


def reachable_warning(words: Sequence[bytes], kind: TokenizerKind, lowercase: bool) -> SettingError | None:
    """Returns a warning about the words of a vocabulary that can never occur.

    Args:
        words: See `unreachable_words`.
        kind: The tokenizer.
        lowercase: Whether it lower-cases.

    Returns:
        A warning that names settings, to be shown; None if the tokenizer can make all words.
    """
    lost = unreachable_words(words, kind, lowercase)
    if not lost:
        return None
    return SettingError(
        f"{that_never_occur(lost, words)}: {{tokenizer}}={kind} with {{lowercase}}={'true' if lowercase else 'false'} "
        "makes other words of them; change the file or these settings"
    )


def capitals_warning(words: Sequence[bytes], kind: TokenizerKind, lowercase: bool) -> SettingError | None:
    """Returns a warning about a pinned vocabulary of lower-cased text for text that keeps its capitals.

    Args:
        words: See `unreachable_words`.
        kind: The tokenizer.
        lowercase: Whether it lower-cases.

    Returns:
        A warning that names settings, to be shown; None if there are capitals, or no letters that have them.
    """
    pieces = holds_pieces(words)
    text = b" ".join(words[MARK_ID + 1 if pieces else len(RESERVED) :]).decode(errors="replace")
    if lowercase or kind == "byte" or text != text.lower() or text == text.upper():
        return None
    what = "in bytes, several pieces for each letter" if pieces else "as unknown words"
    return SettingError(
        f"no word in {{vocabulary_file}} has a capital letter, so that with {{lowercase}}=false all words of the "
        f"text that have one are read {what}; set {{lowercase}} to true, or {{vocabulary_file}} to one with capitals"
    )


def check_reachable(words: Sequence[bytes], kind: TokenizerKind, lowercase: bool) -> None:
    """Refuses a pinned vocabulary if most of its words cannot occur.

    Args:
        words: See `unreachable_words`.
        kind: The tokenizer.
        lowercase: Whether it lower-cases.

    Raises:
        SettingError: If the tokenizer can make fewer than half of the words.
    """
    own = len(words) - len(RESERVED)
    if own and 2 * len(unreachable_words(words, kind, lowercase)) > own:
        warning = reachable_warning(words, kind, lowercase)
        assert warning is not None
        raise warning
