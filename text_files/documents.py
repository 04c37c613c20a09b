"""Documents: which lines are read in order, and what came before a line in its document.

A model with a context reads the last `context_tokens` tokens before a line. Which words are tokens only its
tokenizer knows, so here is the text that surely holds as many.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Literal

from ..errors import escape
from .errors import InputError
from .file_types import FileType

Documents = Literal["none", "blank_line", "record", "file"]

# Text without any white space, such as Chinese, is a single word here. So much of it holds a token; white space is not
# counted, since most tokenizers make no tokens of it.
CHARACTERS_OF_A_TOKEN = 32

_SPACES = "\t\n\v\f\r \0"
# Within a line.
_LONG_SPACE = re.compile(r"[\t\v\f\r \0]{2,}")

# Every tokenizer makes at least one token of each: what stands between white space and has a letter or a digit. Marks
# before the letter belong to it, since `"hello` is one word of the tokenizer `whitespace`.
_WORD = re.compile(r"(?<![^\t-\r \0])[^\t-\r \0]*?[^\W_][^\t-\r \0]*")


class Context:
    r"""The end of a document, as far as it is read.

    With `tokens=3`, the text after the lines `the cat`, `sat` and `it slept` is `sat\nit slept`: a line is dropped once
    those behind it have three words.

    Args:
        tokens: How many tokens the text must hold, if the document has as many before the line; 0 for no text.
    """

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._lines: deque[tuple[str, int, int]] = deque()
        self._words = 0
        self._characters = 0

    def text(self) -> str:
        r"""Returns the lines before the next one, with `\n` between them; empty at the beginning of a document."""
        return _narrow("\n".join(line for line, _, _ in self._lines), self._tokens)

    def add(self, line: str) -> None:
        """Adds the line that was read; a line break within it counts as a space."""
        if not self._tokens:
            return
        line = _narrow(line.replace("\n", " "), self._tokens)
        if len(line) > CHARACTERS_OF_A_TOKEN * self._tokens:
            line = _end_of(line, CHARACTERS_OF_A_TOKEN * self._tokens)
        words = [match.start() for match in _WORD.finditer(line)]
        if len(words) > self._tokens:
            line, words = line[words[-self._tokens] :], words[-self._tokens :]
        characters = _visible(line)
        if not characters:
            return
        self._lines.append((line, len(words), characters))
        self._words += len(words)
        self._characters += characters
        while self._holds_enough_without(*self._lines[0][1:]):
            _, its_words, its_characters = self._lines.popleft()
            self._words -= its_words
            self._characters -= its_characters

    def clear(self) -> None:
        """Begins another document."""
        self._lines.clear()
        self._words = self._characters = 0

    def _holds_enough_without(self, words: int, characters: int) -> bool:
        enough_words = self._words - words >= self._tokens
        return enough_words or self._characters - characters >= CHARACTERS_OF_A_TOKEN * self._tokens


def _narrow(text: str, tokens: int) -> str:
    """Returns a long text with a space in the place of more white space, but for the bytes that may be tokens."""
    if len(text) <= CHARACTERS_OF_A_TOKEN * tokens:
        return text
    return _LONG_SPACE.sub(" ", text[:-tokens]) + text[-tokens:]


def _visible(text: str) -> int:
    """Returns the number of characters without white space."""
    return len(text) - sum(map(text.count, _SPACES))


def _end_of(line: str, characters: int) -> str:
    """Returns the end of a line that has so many characters without white space; the line if it has no more."""
    begin = len(line)
    while begin and characters:
        # Never too many, since white space does not count.
        end, begin = begin, max(0, begin - characters)
        characters -= _visible(line[begin:end])
    return line[begin:]


def lines_of(text: str, documents: Documents) -> list[str]:
    r"""Returns the lines of a record: those between its `\n` where a record is a document, otherwise it is one."""
    return [line.removesuffix("\r") for line in text.split("\n")] if documents == "record" else [text]


def check_documents(documents: Documents, kind: FileType, path: str) -> None:
    """Checks that a file can have such documents.

    Args:
        documents: What a document is.
        kind: The type of the file.
        path: Its name.

    Raises:
        InputError: Lines of text have no records, or records no blank lines between them.
    """
    if documents == "blank_line" and kind.has_fields:
        raise InputError(
            f"{{documents}}=blank_line: {escape(path)} has records, not lines of text; set {{documents}} to record "
            "(the lines of each text) or file"
        )
    if documents == "record" and not kind.has_fields:
        raise InputError(
            f"{{documents}}=record: {escape(path)} has lines of text, not records; set {{documents}} to blank_line or "
            "file"
        )
