"""Locks between processes, and file systems that have none."""

import errno
import fcntl
import subprocess

import pytest
from click.testing import CliRunner
from helpers.programs import program
from tfx_lm import exit_codes, file_lock
from tfx_lm.cli import cli
from tfx_lm.exported import versions
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local.output_lock import locked_output
from tfx_lm.pipelines.metadata.metadata_store import connection_config, initialize_store


def test_a_lock_ends_with_its_process(tmp_path):
    process = subprocess.Popen(program("hold_lock", tmp_path / "lock"), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    with pytest.raises(BlockingIOError):
        file_lock.lock(tmp_path / "lock", wait=False)
    process.kill()
    process.communicate()
    file_lock.unlock(file_lock.lock(tmp_path / "lock", wait=False))


def test_folders_can_be_locked(tmp_path):
    held = file_lock.lock(tmp_path)
    with pytest.raises(BlockingIOError):
        file_lock.lock(tmp_path, wait=False)
    file_lock.unlock(held)
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_created_only_if_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError):
        file_lock.lock(tmp_path / "folder", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_descriptor_tells_whether_its_file_has_the_name(tmp_path):
    file = tmp_path / "lock"
    held = file_lock.lock(file)
    assert file_lock.is_named(held, file)
    file.unlink()
    assert not file_lock.is_named(held, file)
    file.touch()
    assert not file_lock.is_named(held, file)
    file_lock.unlock(held)


@pytest.fixture
def no_locks(monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_file_system_without_locks_says_so(no_locks, tmp_path):
    sentence = r"its file system has no file locks \(No locks available\), .* choose a folder on a local disk"
    with pytest.raises(file_lock.NoLocksError, match=rf"^{tmp_path}/serving/\.lock: {sentence}"):
        versions.push(tmp_path / "serving", lambda folder: None)
    with (
        pytest.raises(ConfigurationError, match=rf"^output={tmp_path}: .*\.run\.lock: {sentence}"),
        locked_output(tmp_path),
    ):
        pass
    with pytest.raises(ConfigurationError, match=rf"^metadata: .*\.lock: {sentence}.* a database server$"):
        initialize_store(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite"))
    (tmp_path / "serving" / "7").mkdir()
    result = CliRunner().invoke(cli.main, ["rollback", str(tmp_path / "serving")])
    assert (result.exit_code, "has no file locks" in result.output) == (exit_codes.BAD_INPUT, True)
