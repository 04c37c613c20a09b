"""Context: the tokens that the model reads before a line, of what came before it in its document."""

import tensorflow as tf

from .ragged_rows import begin_with
from .vocabulary import START_ID

# What Python's `str.isspace` is true of, by which the lines of files are dropped.
_BLANK = r"[\p{Z}\t-\r\x1c-\x1f\x{85}]*"


class Context:
    r"""The lines before some lines.

    The context of a line is what the model read of the lines before it, `<s>` and the tokens of each, so that it goes
    on as if it had read them line by line. With the = 7, cat = 9, sat = 8 and three tokens, `the cat\nsat` is

        2 7 9 2 8   of which the last three,   9 2 8

    Args:
        text: string `[batch]`: the lines before each line, with `\n` between two; empty for none.

    Attributes:
        lines: string `[lines]`, all lines of the batch but empty ones and those of white space alone, which are no
            lines of a document.
    """

    def __init__(self, text: tf.Tensor) -> None:
        lines = tf.strings.split(text, "\n")
        blank = tf.strings.regex_full_match(lines.flat_values, _BLANK)
        self._lines = tf.ragged.boolean_mask(lines, lines.with_flat_values(~blank))
        self.lines = self._lines.flat_values

    def ids(self, of_lines: tf.RaggedTensor, tokens: int) -> tf.RaggedTensor:
        """Returns what is read before each line.

        Args:
            of_lines: int64 `[lines, None]`, the ids of `lines`.
            tokens: At most so many, the last ones.

        Returns:
            int64 `[batch, None]`.
        """
        read = begin_with(START_ID, of_lines)
        # The lines of a text, one behind the other.
        splits = tf.gather(read.row_splits, tf.cast(self._lines.row_splits, tf.int64))
        return tf.RaggedTensor.from_row_splits(read.flat_values, splits, validate=False)[:, -tokens:]
