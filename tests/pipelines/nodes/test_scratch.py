"""The temporary folder of a supervised process, and those that others left."""

import shutil
import tempfile

import pytest
from tfx_lm import file_lock
from tfx_lm.pipelines.nodes import scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_folders_of_killed_processes_of_this_host_are_removed_and_those_of_others_stay(tmp_path):
    for host in (file_lock.host_mark(), "another0"):
        (tmp_path / f"tfx-lm-node-{host}-x7c2").mkdir()
    with scratch.scratch_folder() as folder:
        assert names(tmp_path) == sorted(["tfx-lm-node-another0-x7c2", folder.name])
        with pytest.raises(BlockingIOError):
            file_lock.lock(folder, wait=False)
    assert names(tmp_path) == ["tfx-lm-node-another0-x7c2"]


@pytest.mark.parametrize("opened", [False, True])
def test_a_folder_that_is_taken_for_an_abandoned_one_before_its_lock_is_replaced(tmp_path, monkeypatch, opened):
    taken = []

    def lock(folder, **options):
        first = not taken
        taken.append(folder)
        if first and not opened:
            shutil.rmtree(folder)
        descriptor = file_lock.lock(folder, **options)
        if first:
            shutil.rmtree(folder)
        return descriptor

    monkeypatch.setattr(scratch, "lock", lock)
    with scratch.scratch_folder() as folder:
        assert folder.is_dir()
        assert taken == [taken[0], folder]
        assert names(tmp_path) == [folder.name]
    assert names(tmp_path) == []
