"""Garbage collections pass over what tests import: TFX makes a million objects that live as long as the process."""

import gc
from collections.abc import Iterator

import pytest

gc.disable()


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    yield
    gc.collect()
    gc.freeze()
    gc.enable()
