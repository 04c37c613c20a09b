"""SavedModels that a process loads once, for tests of what is done with them and not of how they are loaded."""

import functools
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

_load = tf.saved_model.load


@functools.lru_cache(maxsize=16)
def _loaded(folder: str, file: tuple[int, int]) -> Any:
    return _load(folder)


def _load_once(folder: str) -> Any:
    found = Path(folder, "saved_model.pb").stat()
    return _loaded(str(Path(folder).resolve()), (found.st_ino, found.st_mtime_ns))


@pytest.fixture
def models_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To load a model takes half a second, longer than most commands work with it; nothing changes a loaded one."""
    monkeypatch.setattr(tf.saved_model, "load", _load_once)
