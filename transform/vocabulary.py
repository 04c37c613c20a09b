"""Vocabulary: reserved ids, and the text file in which the word on line i (from 0) has id i.

Every vocabulary begins with the same four reserved tokens:

    id  token
    0   <pad>   padding; never a target
    1   <unk>   the unknown word
    2   <s>     start of a line, only ever an input
    3   </s>    end of a line, only ever a target
"""

import uuid

import tensorflow as tf

from ..errors import SettingError, escape

RESERVED = ("<pad>", "<unk>", "<s>", "</s>")
PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)

VOCABULARY_NAME = "vocabulary"
"""Name of the vocabulary in the Transform graph (`TFTransformOutput.vocabulary_file_by_name`)."""


def new_vocabulary_path(folder: str) -> str:
    """Returns the path of a vocabulary file that no other try of the same Beam step writes; its folder is made.

    Beam may run a step again, or twice at once, while a later step already reads the file of the first try.

    Args:
        folder: Transform's temporary folder.
    """
    own = f"{folder}/{uuid.uuid4().hex}"
    tf.io.gfile.makedirs(own)
    return f"{own}/{VOCABULARY_NAME}"


def read_vocabulary(path: str) -> list[bytes]:
    r"""Reads the words of a vocabulary file, in the order of their ids.

    Args:
        path: A text file, one word a line. Only `\n` ends a line.

    Returns:
        The words: `words[i]` has id i.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        words = file.read().split(b"\n")
    # The line break after the last word ends it; it does not begin another.
    return words[:-1] if words[-1] == b"" else words


def check_pinned_vocabulary(path: str) -> None:
    """Checks a vocabulary file that a user supplies, which would otherwise show as wrong ids later.

    Args:
        path: The option `vocabulary.file`.

    Raises:
        SettingError: If it is missing, a folder or empty, does not begin with the four reserved tokens, or has
            a blank line, a carriage return, or a word twice.
    """
    setting = f"vocabulary file {escape(path)}"
    if not tf.io.gfile.exists(path):
        raise SettingError(f"{setting}: does not exist; set {{vocabulary_file}} to an existing text file")
    if tf.io.gfile.isdir(path):
        raise SettingError(f"{setting}: is a folder; set {{vocabulary_file}} to a text file, one word a line")
    words = read_vocabulary(path)
    expected = [token.encode() for token in RESERVED]
    head = "the lines " + " ".join(RESERVED)
    if not words:
        raise SettingError(f"{setting}: is empty; it must begin with {head}, then one word a line")
    first_words: dict[bytes, int] = {}
    for line, word in enumerate(words, start=1):
        if b"\r" in word:
            raise SettingError(f"{setting}: line {line} holds a carriage return; save it with \\n line ends")
        if line <= len(expected) and word != expected[line - 1]:
            raise SettingError(
                f"{setting}: line {line} is {_show(word)}, must be {RESERVED[line - 1]}; "
                f"the file must begin with {head}"
            )
        if not word:
            raise SettingError(f"{setting}: line {line} is blank; remove it (this renumbers what follows)")
        if word in first_words:
            raise SettingError(
                f"{setting}: {_show(word)} is on line {first_words[word]} and again on line {line}; "
                "every word has one id, so remove one of them"
            )
        first_words[word] = line
    if len(words) < len(expected):
        raise SettingError(f"{setting}: has {len(words)} lines; it must begin with {head}")


def _show(word: bytes) -> str:
    """Returns a word as text for an error's template."""
    return escape(repr(word.decode(errors="replace")))


def lookup_table(path: str) -> tf.lookup.StaticHashTable:
    """Builds the table from words (string) to ids (int64); unknown words have id 1.

    Args:
        path: A vocabulary file. A SavedModel that keeps the table as an attribute copies it to its assets.

    Returns:
        The table.
    """
    initializer = tf.lookup.TextFileInitializer(
        path,
        key_dtype=tf.string,
        key_index=tf.lookup.TextFileIndex.WHOLE_LINE,
        value_dtype=tf.int64,
        value_index=tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    return tf.lookup.StaticHashTable(initializer, default_value=UNKNOWN_ID)
