"""Prints names of delayed packages that are not the submodule of that name."""

import contextlib
import importlib
import pkgutil
import sys

from tfx_lm import lazy_imports

for package in sorted(lazy_imports.GATHERING):
    with contextlib.suppress(ModuleNotFoundError):
        gathering = importlib.import_module(package)
        for entry in pkgutil.iter_modules(getattr(gathering, "__path__", [])):
            submodule = f"{package}.{entry.name}"
            value = vars(gathering).get(entry.name)
            if submodule in sys.modules and value is not None and getattr(value, "__name__", None) != submodule:
                print(submodule)
