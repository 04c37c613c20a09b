"""What a user writes to name input files: paths and globs, local or remote, with TFX's span markers."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ...errors import escape
from ...remote import SCHEME, is_remote
from ...text_files.errors import InputError
from .spans import has_span


def absolute(pattern: str) -> str:
    """Makes a local path or pattern absolute, and what is there as it is written a pattern for just that.

    `data[1].txt` is the file of that name if there is one, and the pattern for `data1.txt` elsewhere. So is each
    leading folder: with a folder `run[1]`, in which a user may work, `run[1]/*.txt` are its files. `~` is the home
    folder. Remote patterns stay as they are.

    Args:
        pattern: A path or a glob.

    Returns:
        A glob.
    """
    if is_remote(pattern):
        return pattern
    home = pattern.startswith("~/")
    path = (Path(pattern).expanduser() if home else Path(pattern)).absolute()
    there = next((place for place in (path, *path.parents) if os.path.lexists(place)), Path(path.anchor))
    return str(Path(glob.escape(str(there)), path.relative_to(there)))


# TFX knows no pattern for folders at any depth, so each depth up to this one becomes a pattern of its own.
MAX_DEPTH = 10
_LEVEL = "-level-"


def at_each_depth(pattern: str) -> list[str]:
    """Replaces `**`, which stands for any number of folders as in every shell, by patterns of one depth each.

    `/a/**/*.txt` is `["/a/*.txt", "/a/*/*.txt", "/a/*/*/*.txt", ...]`.

    Args:
        pattern: A glob from `absolute`.

    Returns:
        The pattern itself if no part of it is `**`.

    Raises:
        InputError: It has `**` twice, or beside a span.
    """
    parts = pattern.split("/")
    if "**" not in parts:
        return [pattern]
    if parts.count("**") > 1 or has_span(pattern):
        raise InputError(f"{escape(pattern)}: one ** and no span in a pattern; give several patterns")
    index = parts.index("**")
    before, behind = parts[:index], parts[index + 1 :]
    least = 0 if behind else 1
    return ["/".join([*before, *["*"] * depth, *behind]) for depth in range(least, MAX_DEPTH + 1)]


def level_name(name: str, level: int) -> str:
    """Returns the name of an input split that reads one depth of the pattern of another: `files-level-3`."""
    return f"{name}{_LEVEL}{level}"


def without_level(name: str) -> str:
    """Returns the name of the input split that `level_name` made a name from; other names stay as they are."""
    return name.rpartition(_LEVEL)[0] or name


def base_and_rests(patterns: Sequence[str]) -> tuple[str, list[str]]:
    """Splits patterns into the deepest folder that they share and what remains of each.

    `["/a/b/x.txt", "/a/c*/y.txt"]` is `("/a", ["b/x.txt", "c*/y.txt"])`.

    Args:
        patterns: Globs from `absolute`; at least one.

    Returns:
        The folder, which holds no wildcard and no span marker, and the rest of each pattern below it.

    Raises:
        InputError: The patterns lie on different file systems.
    """
    schemes, paths = [], []
    for pattern in patterns:
        match = SCHEME.match(pattern)
        schemes.append(match.group(1) if match else "/")
        paths.append(PurePosixPath(match.group(2) if match else pattern.lstrip("/")).parts)
    if len(set(schemes)) > 1:
        raise InputError(
            f"input files on different file systems ({', '.join(sorted(set(schemes)))}); copy them to one place"
        )
    folders = [_plain_folders(parts) for parts in paths]
    shared = [
        parts[0] for parts in itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    ]
    rests = ["/".join(parts[len(shared) :]) for parts in paths]
    return schemes[0] + "/".join(shared), rests


def _plain_folders(parts: Sequence[str]) -> list[str]:
    """The leading folders of a path that are plain names."""
    folders: list[str] = []
    for part in parts[:-1]:
        if glob.has_magic(part) or "{" in part:
            break
        folders.append(part)
    return folders
