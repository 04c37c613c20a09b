r"""Tokenizers: one line of text to its words.

They use core `tf.strings` operations only, so that an exported model tokenizes on any TensorFlow server.

| kind | words | white space |
|---|---|---|
| `whitespace` | the text between white space | ASCII white space and NUL |
| `word` | words; every punctuation mark, symbol, Han character and kana alone | Unicode, control characters, U+FEFF |
| `byte` | every byte of the line, written `<0x41>` | a byte like any other |

Two rules hold for `whitespace` and `word`:

* A literal `<pad>`, `<s>` or `</s>` in the text becomes `<unk>`: text can never forge a control token.
  A literal `<unk>` is the unknown word (the convention of the Penn Treebank files). `word` finds these
  four anywhere, also within a word.
* No word is empty or contains a line break, so a vocabulary file with one word a line keeps its numbering.

Invalid UTF-8 never fails. `word`, and `whitespace` when it lower-cases, turn each malformed sequence into
U+FFFD; `whitespace` without lower-casing and `byte` keep the bytes as they are.
"""

from typing import get_args

import tensorflow as tf

from ..errors import SettingError, escape
from . import vocabulary
from .options import TokenizerKind

KINDS: tuple[str, ...] = get_args(TokenizerKind)

# Scripts that are written without spaces. U+30FC, the mark that lengthens a vowel, belongs to no script.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}"
_LETTER = rf"[^\p{{P}}\p{{S}}\p{{Z}}\p{{C}}{_UNSPACED}]"
# RE2 has no look-around: what must stay together (an apostrophe within a word, a reserved token) is matched
# before the single characters that are split off. Accents and joiners stay with the character they follow.
_TOGETHER = rf"{_LETTER}+(?:['’]{_LETTER}+)+|<pad>|<unk>|</?s>"
_FOLLOWING = r"[\p{M}\x{200D}]*"
_ALONE = rf"{_TOGETHER}|[\p{{P}}\p{{S}}{_UNSPACED}]{_FOLLOWING}"
# All but the plain space, which stands between most words and separates already.
_SEPARATORS = r"(?:[^\P{Z} ]|[\p{Cc}\x{FEFF}])+"
_UNKNOWN = vocabulary.RESERVED[vocabulary.UNKNOWN_ID]
_CONTROL_TOKENS = r"<pad>|</?s>"
# The capitals that ICU, which `tf.strings.lower` calls, lower-cases differently in Turkish, Azeri and Lithuanian
# (Unicode's SpecialCasing.txt). A model must read a text the same on every server.
# I and J, which are lower-cased before, depend on it as well.
_LOCALE_DEPENDENT = (
    ("\u0130", "i\u0307"),
    ("\u00cc", "\u00ec"),
    ("\u00cd", "\u00ed"),
    ("\u0128", "\u0129"),
    ("\u012e", "\u012f"),
)
BYTE_NAMES = tuple(f"<0x{value:02X}>" for value in range(256))
"""The tokens of the tokenizer `byte`."""

MARK = "\u2581"
"""Stands before a word that follows white space or begins the line, in `tokenize_marked`."""

LITERAL_MARK = "\x02"
"""A `MARK` in the text, for `tokenize_marked` with the tokenizer `word`; no word holds this control character."""

# The mark itself, which is a symbol, stays with what it stands before.
_ALONE_MARKED = rf"{MARK}?(?:{_TOGETHER}|(?:[\p{{P}}{_UNSPACED}]|[^\P{{S}}{MARK}]){_FOLLOWING})"


def tokenize(text: tf.Tensor, kind: TokenizerKind, lowercase: bool) -> tf.RaggedTensor:
    """Splits lines into words.

    `"Don't stop, <pad>!"` in lower case:

        whitespace   don't | stop, | <pad>!
        word         don't | stop | , | <unk> | !
        byte         <0x64> | <0x6F> | <0x6E> | <0x27> | ...

    Args:
        text: string `[batch]`, one line each, of any bytes.
        kind: `"whitespace"`, `"word"` or `"byte"`.
        lowercase: Whether to lower-case first: as Unicode does, for `byte` only A to Z.

    Returns:
        string `[batch, None]`, the words of each line in order; a row may be empty.

    Raises:
        ValueError: If the kind is unknown, or the text is not `[batch]`.
    """
    text = tf.convert_to_tensor(text, tf.string)
    if text.shape.rank != 1:
        raise ValueError(f"text has shape {text.shape}: must be [batch]; give one string for each line")
    if kind == "byte":
        return _split_bytes(tf.strings.lower(text) if lowercase else text)
    if kind == "word":
        # Before lower-casing, which in TensorFlow drops everything after a NUL.
        text = tf.strings.regex_replace(text, _SEPARATORS, " ")
        text = _lower(text) if lowercase else tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
        # In the lines, which are fewer than the words. What follows splits these off, wherever they stand.
        text = tf.strings.regex_replace(text, _CONTROL_TOKENS, _UNKNOWN)
        return tf.strings.split(tf.strings.regex_replace(text, _ALONE, r" \0 "))
    if kind == "whitespace":
        text = tf.strings.regex_replace(text, r"\x00", " ")
        return tf.ragged.map_flat_values(_replace_control_tokens, tf.strings.split(_lower(text) if lowercase else text))
    raise SettingError(f"{{tokenizer}}={escape(repr(kind))}: must be one of {', '.join(KINDS)}; set {{tokenizer}}")


def tokenize_marked(text: tf.Tensor, kind: TokenizerKind, lowercase: bool) -> tf.RaggedTensor:
    """Splits lines into the words that `pieces.piece_ids` takes, from which the text can be made again.

    The words are those of `tokenize`, with `MARK` before each that follows white space or begins the line. A literal
    control token is a word like any other, U+0002 is white space, and invalid UTF-8 becomes U+FFFD. In lower case,
    `"Don't stop, <pad>!"` becomes

        whitespace   ▁don't | ▁stop, | ▁<pad>!
        word         ▁don't | ▁stop | , | ▁<pad> | !

    Args:
        text: See `tokenize`.
        kind: `"whitespace"` or `"word"`.
        lowercase: See `tokenize`.

    Returns:
        string `[batch, None]`, the marked words of each line in order; a row may be empty.
    """
    if kind == "word":
        text = tf.strings.regex_replace(text, _SEPARATORS, " ")
        text = _lower(text) if lowercase else tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
        text = tf.strings.regex_replace(text, MARK, LITERAL_MARK)
        text = tf.strings.strip(text)
        text = tf.where(text == "", "", tf.strings.join([MARK, tf.strings.regex_replace(text, " +", f" {MARK}")]))
        return tf.strings.split(tf.strings.regex_replace(text, _ALONE_MARKED, r" \0 "))
    text = tf.strings.regex_replace(text, r"[\x00\x02]", " ")
    text = _lower(text) if lowercase else tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
    return tf.ragged.map_flat_values(lambda words: tf.strings.join([MARK, words]), tf.strings.split(text))


def _lower(text: tf.Tensor) -> tf.Tensor:
    """Lower-cases by Unicode's rules, whatever the locale of the process is."""
    # A to Z alone, on any server.
    text = tf.strings.lower(text)
    for capital, small in _LOCALE_DEPENDENT:
        text = tf.strings.regex_replace(text, capital, small)
    return tf.strings.lower(text, encoding="utf-8")


def _split_bytes(text: tf.Tensor) -> tf.RaggedTensor:
    """Returns the names of the bytes of `[batch]` lines, `[batch, None]`."""
    split = tf.strings.bytes_split(text)
    values = tf.reshape(tf.io.decode_raw(split.flat_values, tf.uint8), [-1])
    return split.with_flat_values(tf.gather(tf.constant(BYTE_NAMES), tf.cast(values, tf.int32)))


def _replace_control_tokens(words: tf.Tensor) -> tf.Tensor:
    """Replaces every `<pad>`, `<s>` and `</s>` of the strings `[words]` by `<unk>`."""
    pad, _, start, end = vocabulary.RESERVED
    return tf.where((words == pad) | (words == start) | (words == end), _UNKNOWN, words)
