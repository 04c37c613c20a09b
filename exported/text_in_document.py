"""Text in its document: the line that a model goes on with, and the lines that it reads before it."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import SettingError, escape
from ..text_files.documents import Context
from ..text_files.normalization import normalized
from .exported_model import ExportedModel


class TextInDocument(NamedTuple):
    r"""A beginning of a line, and what came before it.

    Attributes:
        line: The beginning.
        context: The end of the lines before it, with `\n` between two, as the signature `score_in_context` takes it;
            empty for none, and for a model that reads none.
    """

    line: bytes
    context: bytes


def in_document(model: ExportedModel, text: str, context: str) -> TextInDocument:
    r"""Finds the line that a text ends with, and what a model reads before it.

    Worked example, for a model that reads two tokens: the text `it slept\nand` behind the context `the cat sat` is the
    line `and` behind `it slept`. For a model without a context, the text is the line.

    Args:
        model: The model.
        text: The text.
        context: The lines before it in its document. As in a file, blank ones count for nothing.

    Raises:
        SettingError: There is a context, and the model reads none.
    """
    if not model.context_tokens:
        if context.strip():
            raise SettingError(f"{{context}}: {escape(model.path)} reads no context; leave {{context}} out")
        return TextInDocument(_raw(text), b"")
    *before, line = text.split("\n")
    read = Context(model.context_tokens)
    for earlier in (*context.split("\n"), *before):
        if earlier.strip():
            # As `read_texts` reads a file, so that the scores are those of `tfx-lm score`.
            read.add(normalized(earlier.removesuffix("\r"), model.normalization))
    return TextInDocument(_raw(line), _raw(read.text()))


def _raw(text: str) -> bytes:
    # surrogateescape keeps bytes that are not UTF-8 as they are.
    return text.encode("utf-8", "surrogateescape")
