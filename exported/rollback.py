"""Rollback: servers go back to a version before the newest one; nothing is deleted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..atomic_file import flush
from .damage import is_complete, visible_damage
from .versions import WITHDRAWN, list_versions, locked, version_folders


class RollbackError(ValueError):
    """There is nothing to roll back to; the message says why."""


def rollback(destination: Path, to: int | None = None) -> tuple[Path, list[Path]]:
    """Withdraws the newest version, so that servers go back to the one before; nothing is deleted.

    Args:
        destination: The folder of versions.
        to: The version to go back to: all newer ones are withdrawn. None: the one before the newest.

    Returns:
        The version that is now the newest, and the withdrawn folders, the newest first.

    Raises:
        RollbackError: If the version does not exist or is damaged, or there is none to go back to.
    """
    # Not Path.is_dir, which raises an error for a name that is too long.
    if not os.path.isdir(destination):  # noqa: PTH112
        raise RollbackError(f"{destination}: no such folder; give the folder of all versions")
    # Before the lock, which makes a file, that a version's own folder must not have.
    if not list_versions(destination):
        raise RollbackError(f"{destination}: holds no version; {_remedy(destination)}")
    with locked(destination):
        versions = list_versions(destination)
        present = ", ".join(str(version) for version in versions) or "none"
        if to is not None and to not in versions:
            raise RollbackError(f"{destination}: has no version {to} (there are: {present})")
        if to is None and len(versions) < 2:
            raise RollbackError(f"{destination}: nothing to roll back to (versions: {present}); a rollback needs two")
        target = versions[-2] if to is None else to
        _check_target(destination, target)
        # The newest first, so that the highest number only ever goes down to the target.
        names = {
            folder: destination / f"{WITHDRAWN}{folder.name}"
            for folder in reversed(version_folders(destination))
            if int(folder.name) > target
        }
        for name in names.values():
            # Such as a copy of what was withdrawn before, under its old number.
            if os.path.lexists(name):
                raise RollbackError(f"{name}: is there already, so that nothing was withdrawn; remove or rename it")
        withdrawn = _rename_all(names)
        flush(destination)
        newest = version_folders(destination)[-1]
    return newest, withdrawn


def _remedy(folder: Path) -> str:
    versions = folder.absolute().parent
    if is_complete(str(folder)):
        return f"it is a version itself: give the folder of all versions, {versions}"
    if withdrawn := max(folder.glob(f"{WITHDRAWN}*"), key=lambda path: (len(path.name), path.name), default=None):
        number = withdrawn.name.removeprefix(WITHDRAWN)
        return f"all of them are withdrawn: rename {withdrawn.name} to {number} to serve it again"
    return "give the folder of all versions, such as OUTPUT/serving"


def _rename_all(names: Mapping[Path, Path]) -> list[Path]:
    """Renames folders, all or none; returns the new ones."""
    renamed: dict[Path, Path] = {}
    try:
        for folder, name in names.items():
            renamed[folder] = folder.rename(name)
    except OSError:
        for folder, name in reversed(renamed.items()):
            name.rename(folder)
        raise
    return list(renamed.values())


def _check_target(destination: Path, target: int) -> None:
    """Refuses a rollback to a damaged version, which servers could not load."""
    for folder in version_folders(destination):
        if int(folder.name) != target:
            continue
        try:
            problem = visible_damage(str(folder))
        except OSError as error:
            raise RollbackError(
                f"{folder}: cannot be read ({error}), so that nobody knows whether servers could load it, and nothing "
                "was withdrawn; make it readable, or go back to another version"
            ) from error
        if problem is not None:
            raise RollbackError(
                f"{folder}: is damaged ({problem}), so that servers could not load it, and nothing was withdrawn; "
                "go back to an older version, or push a model again"
            )
