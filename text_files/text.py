"""Text of one record."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """The text of one record.

    Attributes:
        number: The line or row, from 1.
        text: Its UTF-8, without a terminator.
        context: The end of what came before it in its document, if the options ask for it.
    """

    number: int
    text: bytes
    context: bytes = b""
