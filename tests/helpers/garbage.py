"""Imports of tests take less time, and garbage collections pass over what they made.

TFX makes a million objects that live as long as the process.
"""

import functools
import gc
import importlib.metadata
from collections.abc import Iterator

import pytest

gc.disable()
# Google's libraries ask for it fifteen times; it reads the metadata of all that is installed.
importlib.metadata.packages_distributions = functools.cache(importlib.metadata.packages_distributions)


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    yield
    gc.collect()
    gc.freeze()
    gc.enable()
