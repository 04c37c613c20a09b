"""Records of a file as the lines of its documents."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .documents import Context, Documents, lines_of
from .parsing import Parsed

# The lines that decide about the split of a document: enough to tell documents that begin alike apart, few to hold.
FIRST_LINES = 16
FIRST_CHARACTERS = 2**16


class Line(NamedTuple):
    """A line of a document, or a record that has no text.

    Attributes:
        record: What came with the record that it is a line of.
        parsed: The line or the problem.
        document: What decides about the split of its document: a digest of its first lines; "" without a text.
        context: The end of what came before it in its document.
    """

    record: Any
    parsed: Parsed
    document: str = ""
    context: str = ""


def in_documents(records: Iterable[tuple[Any, Parsed]], documents: Documents, context_tokens: int) -> Iterator[Line]:
    """Gives each line its context, and what decides about the split of its document.

    Args:
        records: All records of one file in order, each with anything that belongs to it; with documents that are
            records, any of its records.
        documents: What a document is.
        context_tokens: How much a context holds; see `Context`.

    Yields:
        The records; one that is a document becomes one for each line.
    """
    if documents == "none":
        for record, parsed in records:
            yield Line(record, parsed)
        return
    document = _Document(context_tokens)
    try:
        for record, parsed in records:
            if parsed.problem is not None:
                yield Line(record, parsed)
                continue
            for line in lines_of(parsed.text, documents):
                of_line = Line(record, parsed._replace(text=line))
                if line and not line.isspace():
                    yield from document.add(of_line)
                    continue
                if documents == "blank_line":
                    yield from document.end()
                yield of_line
            if documents == "record":
                yield from document.end()
    except Exception:
        # What came before a bad record is not lost.
        yield from document.end()
        raise
    yield from document.end()


class _Document:
    """The document that is being read. Its first lines wait until they tell its split."""

    def __init__(self, context_tokens: int) -> None:
        self._context = Context(context_tokens)
        self._waiting: list[Line] = []
        self._first = ""
        self._digest = ""

    def add(self, line: Line) -> Iterator[Line]:
        """Adds a line; yields the lines whose split is known."""
        line = line._replace(context=self._context.text())
        self._context.add(line.parsed.text)
        if self._digest:
            yield line._replace(document=self._digest)
            return
        self._waiting.append(line)
        self._first += line.parsed.text.strip() + "\n"
        if len(self._waiting) == FIRST_LINES or len(self._first) >= FIRST_CHARACTERS:
            yield from self._begin()

    def end(self) -> Iterator[Line]:
        """Ends the document; yields what still waits."""
        yield from self._begin()
        self._context.clear()
        self._digest = ""

    def _begin(self) -> Iterator[Line]:
        if self._waiting:
            self._digest = hashlib.sha256(self._first.encode("utf-8")).hexdigest()
            for line in self._waiting:
                yield line._replace(document=self._digest)
            self._waiting, self._first = [], ""
