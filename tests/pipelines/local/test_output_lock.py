"""One run at a time works in an output folder: a second one is refused, or waits."""

import os
import re
import socket
import subprocess

import pytest
from click.testing import CliRunner
from helpers.programs import program
from tfx_lm import exit_codes
from tfx_lm.cli import cli
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.local import output_lock
from tfx_lm.pipelines.local.output_lock import LOCK_FILE, locked_output


@pytest.fixture
def holder(tmp_path):
    command = program("hold_output", tmp_path / "out")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"locked\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_told_who_holds_the_folder(holder, tmp_path):
    (tmp_path / "corpus.txt").write_text("".join(f"the cat sat on mat {number}\n" for number in range(200)))
    result = CliRunner().invoke(
        cli.main,
        ["run", "--data", str(tmp_path / "corpus.txt"), "--output", str(tmp_path / "out"), "--set",
         "gate.max_perplexity=100"],
    )  # fmt: skip
    assert result.exit_code == exit_codes.BAD_INPUT
    expected = (
        rf"tfx-lm: output={tmp_path}/out: another run \(process {holder.pid} on {re.escape(socket.gethostname())}, "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d\) works in it; wait for its end \(`tfx-lm run --wait` does "
        r"so\), or choose another folder\n"
    )
    assert re.fullmatch(expected, result.output), result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == [LOCK_FILE]


def test_a_second_run_waits_if_it_is_asked_to(holder, tmp_path):
    said = []

    def waiting(text):
        said.append(text)
        holder.communicate(b"\n")

    with locked_output(tmp_path / "out", waiting):
        assert f'"pid": {os.getpid()}' in (tmp_path / "out" / LOCK_FILE).read_text()
    assert said == [said[0]]
    assert said[0].startswith(f"Waiting: another run (process {holder.pid} on ")


def test_the_folder_is_free_after_a_run_and_after_a_killed_one(holder, tmp_path):
    holder.kill()
    holder.communicate()
    for _ in range(2):
        with locked_output(tmp_path / "out"), pytest.raises(ConfigurationError), locked_output(tmp_path / "out"):
            pass


def test_the_nodes_of_a_killed_run_are_waited_for(tmp_path, monkeypatch):
    ended = subprocess.Popen(["true"])
    ended.wait()
    with locked_output(tmp_path):
        # As if a node still held it.
        (tmp_path / LOCK_FILE).write_text(f'{{"pid": {ended.pid}, "host": "{socket.gethostname()}", "since": "then"}}')
        waits = []
        monkeypatch.setattr(output_lock.time, "sleep", waits.append)
        monkeypatch.setattr(output_lock, "_ENDING", 0.2)
        with pytest.raises(ConfigurationError, match=f"process {ended.pid} on .*, since then"), locked_output(tmp_path):
            pass
    assert waits


def test_a_lock_file_that_says_nothing(tmp_path):
    with locked_output(tmp_path):
        (tmp_path / LOCK_FILE).write_text("")
        with pytest.raises(ConfigurationError, match=r": another run works in it; wait"), locked_output(tmp_path):
            pass


def test_an_output_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    sentence = rf"^output={tmp_path}/file/out: cannot be locked \(Not a directory\)"
    with pytest.raises(ConfigurationError, match=sentence), locked_output(tmp_path / "file" / "out"):
        pass
