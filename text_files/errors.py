"""Errors of input files."""

from __future__ import annotations

from ..errors import SettingError


class InputError(SettingError):
    """Input that cannot be used; the message names the file or pattern, what is wrong and the remedy."""


class UnreadableFileError(SettingError):
    """A file whose content is not what its ending says; the message is the reason, without the file's name."""
