"""Output folders whose names TFX and Beam would take for patterns."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..exported.plain_path import pattern_letters
from .errors import ConfigurationError


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


def output_link(folder: str) -> str:
    """Returns the path of the symbolic link by which a local run names an output folder with letters of patterns.

    Args:
        folder: The folder's whole path. The same folder always has the same link.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return str(cache.absolute() / "tfx-lm" / "outputs" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:20])


def make_output_link(setting: str, folder: str) -> None:
    """Makes the folder and its link, unless both are there.

    Args:
        setting: What the user calls the folder, with its value.
        folder: See `output_link`.

    Raises:
        ConfigurationError: The link cannot be made, or its own path has a letter of patterns.
    """
    link = Path(output_link(folder))
    if pattern_letters(str(link)):
        check_output_name(setting, folder)
    unfinished = link.with_name(f".{link.name}-{os.getpid()}")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not link.is_symlink() or str(link.readlink()) != folder:
            unfinished.unlink(missing_ok=True)
            unfinished.symlink_to(folder, target_is_directory=True)
            unfinished.replace(link)
    except OSError as error:
        raise ConfigurationError(
            f"{setting}: {folder} contains {' '.join(pattern_letters(folder))}, which TFX and Beam take for patterns, "
            f"and the link {link} to it cannot be made ({error.strerror}); choose a folder without * ? [ ] \\ in its "
            "path, or set XDG_CACHE_HOME to a folder that you can write to"
        ) from error
