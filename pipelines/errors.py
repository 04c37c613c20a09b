"""Errors that are found before any work is done."""

from __future__ import annotations


class ConfigurationError(ValueError):
    """A configuration or an input that cannot lead to a run; the command line answers with exit code 2."""
