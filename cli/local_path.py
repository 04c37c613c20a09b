"""Local path: a command's file or folder that must be on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from ..errors import SettingError, escape
from ..remote import is_remote
from .refusal import refuse


class LocalPath(click.Path):
    """A path on this machine.

    `Path("gs://bucket/file")` would be the file `gs:/bucket/file` below the working folder.
    """

    def __init__(
        self,
        path_type: type[Path] | type[str] = Path,
        refusal: str = "is not on this machine; name a place here, and copy the files",
    ):
        """Makes the type of a parameter.

        Args:
            path_type: The type of its values.
            refusal: What is wrong with a path on object storage, and the remedy.
        """
        super().__init__(path_type=path_type)
        self._refusal = refusal

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the path. One on object storage ends the process with exit code 2."""
        path = os.fspath(value)
        if is_remote(path):
            name = f"{param.opts[0]} " if isinstance(param, click.Option) else ""
            refuse(SettingError(f"{name}{escape(path)}: {self._refusal}"))
        return super().convert(value, param, ctx)
