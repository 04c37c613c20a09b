"""Imports of large libraries without garbage collections, and without reading the same metadata again and again."""

from __future__ import annotations

import functools
import gc
import importlib
import importlib.metadata
import sys


def import_uncollected(*modules: str) -> None:
    """Imports modules; what is in memory afterwards is left out of all later garbage collections.

    TensorFlow and TFX make a million objects that live as long as the process. To look for garbage among them takes a
    fifth of the time of the import, and two seconds of a processor when the process ends. On Python 3.10, each of
    Google's libraries asks which distributions are installed, to name itself in a warning; each time that takes a tenth
    of a second. Modules that have all been imported before change nothing.

    Args:
        *modules: Their full names.
    """
    if all(name in sys.modules for name in modules):
        return
    enabled, distributions = gc.isenabled(), importlib.metadata.packages_distributions
    gc.disable()
    importlib.metadata.packages_distributions = functools.cache(distributions)
    try:
        for name in modules:
            importlib.import_module(name)
    finally:
        importlib.metadata.packages_distributions = distributions
        gc.freeze()
        if enabled:
            gc.enable()
