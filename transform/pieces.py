r"""Pieces of words: any word as a sequence of known pieces, so that no word is unknown.

With `vocabulary.kind: subwords` the vocabulary has, after the reserved tokens,

    id          piece
    4 to 259    the 256 bytes, written `<0x00>` to `<0xFF>`
    260         `▁` (U+2581), which begins a word that follows white space or begins the line
    261 ...     pieces learned from the corpus (`piece_learning`); `▁the` begins a word, `ing` goes on with one

A word is split by the longest piece that it begins with, then the rest likewise. A character that no piece begins with
becomes its bytes. Only core TensorFlow operations are used, so that an exported model does this on any server.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from ..errors import SettingError, escape
from .options import VocabularyKind
from .ragged_rows import positions, rows_of_values
from .tokenizer import BYTE_NAMES, LITERAL_MARK, MARK
from .vocabulary import RESERVED

FIRST_BYTE = len(RESERVED)
MARK_ID = FIRST_BYTE + len(BYTE_NAMES)
FIXED_PIECES = (*(name.encode() for name in BYTE_NAMES), MARK.encode())
"""What every vocabulary of pieces begins with, after the reserved tokens."""

LONGEST = 16
"""Most characters of a learned piece, `▁` included."""

# A match is its length times this, plus the piece's id.
_WIDTH = 2**32


def holds_pieces(words: Sequence[bytes]) -> bool:
    """Returns whether a vocabulary (`vocabulary.read_vocabulary`) is one of pieces."""
    return tuple(words[FIRST_BYTE : MARK_ID + 1]) == FIXED_PIECES


def check_kind_of_pinned(path: str, words: Sequence[bytes], kind: VocabularyKind) -> None:
    """Refuses a pinned vocabulary of the other kind.

    Args:
        path: The option `vocabulary.file`.
        words: What the file holds.
        kind: The option `vocabulary.kind`.

    Raises:
        SettingError: The file holds pieces and the kind is `words`, or the other way round.
    """
    setting = f"vocabulary file {escape(path)}"
    if kind == "words" and holds_pieces(words):
        raise SettingError(f"{setting}: holds pieces of words; set {{vocabulary_kind}} to subwords")
    if kind == "subwords" and not holds_pieces(words):
        raise SettingError(
            f"{setting}: holds no pieces of words, which have <0x00> to <0xFF> and {MARK} on lines {FIRST_BYTE + 1} to "
            f"{MARK_ID + 1}; set {{vocabulary_kind}} to words, or {{vocabulary_file}} to a vocabulary of subwords"
        )


def piece_ids(words: tf.RaggedTensor, lookup: Callable[[tf.Tensor], tf.Tensor]) -> tf.RaggedTensor:
    """Splits the words of lines into pieces.

    With the pieces `▁the`, `▁cat` and `s`, the line `the cats ñ` has the words `▁the`, `▁cats` and `▁ñ`, and becomes
    the ids of `▁the`, `▁cat`, `s`, `▁`, `<0xC3>` and `<0xB1>`.

    Args:
        words: string `[batch, None]`, from `tokenizer.tokenize_marked`.
        lookup: From strings `[n]` to ids, int64 `[n]`: that of a vocabulary of pieces; 1 for any other string.

    Returns:
        int64 `[batch, None]`, the ids of the pieces of each line.
    """
    flat = words.flat_values
    whole = lookup(flat)
    # The others are few, and often the same ones.
    places = positions(whole < MARK_ID)
    others, index = tf.unique(tf.gather(flat, places), tf.int64)
    split, lengths = _split(others, lookup)
    # Where the pieces of each word stand in both together.
    size = tf.size(flat, tf.int64)
    begins = tf.gather(tf.cumsum(lengths, exclusive=True), index)
    starts = tf.tensor_scatter_nd_update(tf.range(size), places[:, None], size + begins)
    counts = tf.tensor_scatter_nd_update(tf.ones_like(whole), places[:, None], tf.gather(lengths, index))
    pieces = tf.ragged.range(starts, starts + counts)
    ids = tf.gather(tf.concat([whole, split], axis=0), pieces.flat_values)
    return tf.RaggedTensor.from_row_splits(ids, tf.gather(pieces.row_splits, words.row_splits), validate=False)


def _split(words: tf.Tensor, lookup: Callable[[tf.Tensor], tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the ids of the pieces of all words, int64 `[pieces]`, and how many each word has, int64 `[words]`.

    Without ragged tensors, which would take three times as many operations.
    """
    characters = tf.strings.unicode_split(words, "UTF-8")
    flat, splits = characters.flat_values, characters.row_splits
    starts, ends = splits[:-1], splits[1:]
    size = tf.size(flat, tf.int64)
    rows = rows_of_values(ends, size)
    match = _matches(flat, tf.gather(ends, rows), lookup)
    # Within a word the mark is a character of the text.
    within = tf.gather(starts, rows) < tf.range(size)
    match = tf.where((flat == MARK) & within, tf.constant(0, tf.int64), match)

    taken = positions(_reached(match, starts, tf.reduce_max(tf.concat([ends - starts, [1]], 0))))
    match = tf.gather(match, taken)
    # Each character has either a piece or bytes.
    matched = match > 0
    spelled = tf.strings.regex_replace(tf.where(matched, "", tf.gather(flat, taken)), LITERAL_MARK, MARK)
    of_bytes = tf.cast(tf.io.decode_raw(tf.strings.reduce_join(spelled), tf.uint8), tf.int64) + FIRST_BYTE
    counts = tf.where(matched, tf.constant(1, tf.int64), tf.cast(tf.strings.length(spelled), tf.int64))
    owners = rows_of_values(tf.cumsum(counts), tf.reduce_sum(counts))
    ids = tf.gather(match % _WIDTH, owners)
    ids = tf.tensor_scatter_nd_update(ids, positions(tf.gather(~matched, owners))[:, None], of_bytes)
    return ids, tf.math.unsorted_segment_sum(counts, tf.gather(rows, taken), tf.size(words, tf.int64))


def _matches(characters: tf.Tensor, limits: tf.Tensor, lookup: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Finds the longest piece at each character: int64 `[characters]`, its length and its id; 0: none.

    Args:
        characters: string `[characters]`, those of all words.
        limits: int64 `[characters]`, where the word of each one ends.
        lookup: See `piece_ids`.
    """
    match = tf.zeros_like(limits)

    def longer(
        width: tf.Tensor, places: tf.Tensor, texts: tf.Tensor, match: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        ids = lookup(texts)
        found = positions(ids >= MARK_ID)
        match = tf.tensor_scatter_nd_update(
            match, tf.gather(places, found)[:, None], width * _WIDTH + tf.gather(ids, found)
        )
        goes_on = positions(places + width < tf.gather(limits, places))
        places = tf.gather(places, goes_on)
        texts = tf.strings.join([tf.gather(texts, goes_on), tf.gather(characters, places + width)])
        return width + 1, places, texts, match

    vector = tf.TensorShape([None])
    *_, match = tf.while_loop(
        lambda width, places, *_: (width <= LONGEST) & (tf.size(places) > 0),
        longer,
        (tf.constant(1, tf.int64), tf.range(tf.size(limits, tf.int64)), characters, match),
        shape_invariants=(tf.TensorShape([]), vector, vector, vector),
    )
    return match


def _reached(match: tf.Tensor, starts: tf.Tensor, longest: tf.Tensor) -> tf.Tensor:
    """Finds the characters at which a piece begins: bool `[characters]`.

    From each start one goes on by the length of its match. Each round doubles the number of steps that are taken, so
    that a word of a million characters takes twenty rounds. The end of a word is the start of the next one.

    Args:
        match: See `_split`.
        starts: int64 `[words]`, the first character of each word.
        longest: int64 scalar, most characters of a word.
    """
    size = tf.size(match, tf.int64)
    next_one = tf.range(size) + tf.maximum(match // _WIDTH, 1)
    jumps = tf.concat([next_one, [size]], axis=0)
    reached = tf.scatter_nd(starts[:, None], tf.ones_like(starts), [size + 1]) > 0

    def double(steps: tf.Tensor, jumps: tf.Tensor, reached: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        further = tf.gather(jumps, positions(reached))
        more = tf.scatter_nd(further[:, None], tf.ones_like(further), tf.shape(jumps, tf.int64)) > 0
        return 2 * steps, tf.gather(jumps, jumps), reached | more

    _, _, reached = tf.while_loop(
        lambda steps, *_: steps < longest,
        double,
        (tf.constant(1, tf.int64), jumps, reached),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape([None])),
    )
    return reached[:-1]
