"""The served version, and the memory of the previous one."""

import contextlib
import gc
import shutil
import threading
import time
import weakref

import pytest
import tensorflow as tf
from helpers.waiting import wait_for
from tfx_lm.server import model_versions


@pytest.fixture
def versions(bigram_model, tmp_path):
    """A folder with version 1, watched."""
    folder = tmp_path / "versions"
    shutil.copytree(bigram_model, folder / "1")
    watched = model_versions.ModelVersions(str(folder), poll_seconds=0.05)
    yield folder, watched
    watched.close()
    gc.unfreeze()


@pytest.mark.slow
def test_a_full_collection_passes_over_what_is_loaded(versions):
    assert gc.get_freeze_count() > 100_000
    assert len(gc.get_objects()) < gc.get_freeze_count() / 10


@pytest.mark.slow
def test_the_version_before_is_freed_once_its_last_request_is_answered(versions, bigram_model):
    folder, watched = versions
    with watched.in_use() as under_way:
        inner = weakref.ref(under_way._model.loaded)
        shutil.copytree(bigram_model, folder / "2")
        wait_for(lambda: watched.current.version == 2)
        time.sleep(0.3)
        assert inner() is under_way._model.loaded
        with under_way.in_use():
            assert under_way.users == 2
        assert under_way.users == 1
    # Only `in_use` counts, not references such as `under_way`.
    wait_for(lambda: inner() is None)
    assert (under_way.version, under_way.users) == (1, 0)
    wait_for(lambda: not watched._retired)
    watched.close()
    # Objects in reference cycles are freed too, and not excluded from collection for ever.
    gc.unfreeze()
    assert gc.collect() < 1000


@pytest.mark.slow
def test_two_versions_before_are_freed_each_once_its_last_request_is_answered(versions, bigram_model):
    folder, watched = versions
    under_way, inner = {1: contextlib.ExitStack(), 2: contextlib.ExitStack()}, {}
    for number in (1, 2):
        under_way[number].enter_context(watched.in_use())
        inner[number] = weakref.ref(watched.current._model.loaded)
        shutil.copytree(bigram_model, folder / f".{number + 1}")
        (folder / f".{number + 1}").rename(folder / str(number + 1))
        wait_for(lambda number=number: watched.current.version == number + 1)
    assert [model.version for model in watched._retired] == [1, 2]
    under_way[2].close()
    wait_for(lambda: inner[2]() is None)
    assert inner[1]() is not None
    under_way[1].close()
    wait_for(lambda: inner[1]() is None)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [tf.errors.UnavailableError(None, None, "no answer"), OSError("no answer"), ValueError("no answer")]
)
def test_a_file_system_that_does_not_answer_for_a_while_is_looked_at_again(
    bigram_model, tmp_path, monkeypatch, caplog, error
):
    shutil.copytree(bigram_model, tmp_path / "1")
    failures = []
    watched = model_versions.ModelVersions(str(tmp_path), 0.05, on_poll_failure=lambda: failures.append(1))
    versions_to_serve = model_versions.versions_to_serve

    def fail(path):
        raise error

    monkeypatch.setattr(model_versions, "versions_to_serve", fail)
    wait_for(lambda: len(failures) > 2)
    monkeypatch.setattr(model_versions, "versions_to_serve", versions_to_serve)
    shutil.copytree(bigram_model, tmp_path / ".2")
    (tmp_path / ".2").rename(tmp_path / "2")
    wait_for(lambda: watched.current.version == 2)
    watched.close()
    gc.unfreeze()
    # Logged once.
    assert [record.getMessage() for record in caplog.records if record.name == model_versions.__name__] == [
        "cannot look for a new version (no answer); version 1 stays"
    ]


@pytest.mark.slow
def test_the_end_does_not_wait_for_a_version_that_is_being_loaded(versions, bigram_model, monkeypatch):
    folder, watched = versions
    loading, may_go_on = threading.Event(), threading.Event()
    served_model = model_versions.ServedModel

    def slow(path):
        loading.set()
        may_go_on.wait()
        return served_model(path)

    monkeypatch.setattr(model_versions, "ServedModel", slow)
    monkeypatch.setattr(model_versions, "_CLOSE_SECONDS", 0.1)
    shutil.copytree(bigram_model, folder / "2")
    assert loading.wait(30)
    watched.close()
    assert watched._thread.is_alive()
    may_go_on.set()
    watched._thread.join()
    assert watched.current.version == 1


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e10])
def test_a_time_that_nobody_can_wait_for_is_refused(tmp_path, seconds):
    with pytest.raises(ValueError, match=r"^poll_seconds=.*; set poll_seconds$"):
        model_versions.ModelVersions(str(tmp_path), seconds)
