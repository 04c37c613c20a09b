"""What can be wrong with input files."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; the message names the file or pattern, what is wrong and the remedy."""


class UnreadableFileError(Exception):
    """The content of a file is not what its ending says; the message is the reason, without the file's name."""
