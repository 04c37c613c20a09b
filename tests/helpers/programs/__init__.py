"""Programs that tests run as processes of their own."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def program(name: str, *arguments: object, python: str | Path = sys.executable) -> list[str]:
    """The command that runs a program of this folder."""
    return [str(python), str(FOLDER / f"{name}.py"), *map(str, arguments)]


# What takes seconds to import.
HEAVY = {"tensorflow", "tfx", "apache_beam", "keras", "pyarrow"}


def imported_modules(*modules: str) -> set[str]:
    """The names of all modules that are imported with these, in a fresh process."""
    command = program("imported_modules", *modules)
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
