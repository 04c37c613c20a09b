"""Public names of a package that are imported at their first use (PEP 562), so that importing it stays light."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, definitions: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes a package's `__getattr__` and `__dir__`.

    Args:
        package: The package's `__name__`.
        definitions: For each public name, the module below the package and the name there: `module.Name`, such as
            `{"load": "exported_model.load_model"}`.

    Returns:
        The two functions.
    """

    def get(name: str) -> Any:
        if name not in definitions:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, definition = definitions[name].rpartition(".")
        return getattr(importlib.import_module(f"{package}.{module}"), definition)

    return get, lambda: sorted(definitions)
