"""Names of folders that TFX and Beam would take for patterns."""

from __future__ import annotations

from .errors import ConfigurationError


def pattern_letters(folder: str) -> str:
    """Returns the letters of patterns that a path contains."""
    return "".join(letter for letter in "*?[]\\" if letter in folder)


def check_output_name(setting: str, folder: str) -> None:
    """Checks the folder of all artifacts.

    Args:
        setting: What the user calls it, with its value.
        folder: The whole path.

    Raises:
        ConfigurationError: It has a letter of patterns.
    """
    found = pattern_letters(folder)
    if found:
        raise ConfigurationError(
            f"{setting}: {folder} contains {' '.join(found)}, which TFX and Beam take for patterns when they read what "
            "they have written; choose a folder without * ? [ ] \\ in its path, or make a symbolic link to it, with ln "
            "-s, whose path has none, and give that"
        )
