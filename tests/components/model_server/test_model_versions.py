"""Which version is served, and what remains of the one before."""

import gc
import shutil
import time
import weakref

import pytest
from tfx_lm.components.model_server import model_versions


@pytest.fixture
def versions(bigram_model, tmp_path):
    """A folder with version 1, watched."""
    folder = tmp_path / "versions"
    shutil.copytree(bigram_model, folder / "1")
    watched = model_versions.ModelVersions(str(folder), poll_seconds=0.05)
    yield folder, watched
    watched.close()
    gc.unfreeze()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_full_collection_passes_over_what_is_loaded(versions):
    assert gc.get_freeze_count() > 100_000
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10


def test_the_version_before_is_freed_once_its_last_request_is_answered(versions, bigram_model):
    folder, watched = versions
    under_way = watched.current
    inner = weakref.ref(under_way._model.loaded)
    shutil.copytree(bigram_model, folder / "2")
    until(lambda: watched.current.version == 2)
    time.sleep(0.3)
    assert inner() is under_way._model.loaded
    del under_way
    until(lambda: inner() is None)
    until(lambda: watched._retired is None)
    watched.close()
    # What referred to itself is gone as well, and not kept for ever among what is passed over.
    gc.unfreeze()
    assert gc.collect() < 1000
