"""The supervisor of work that ignores signals. It forks, so the tests run it in processes without libraries."""

import signal
import subprocess
from pathlib import Path

import pytest
from helpers.programs import program


def start(work: str) -> subprocess.Popen:
    return subprocess.Popen(program("supervise_work", work), stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("work", "code"), [("return 7", 7), ("exit 3", 3), ("die", -9), ("return 0", 0)])
def test_the_end_of_the_work(work, code):
    assert start(work).communicate(timeout=60)[0] == f"started\n{code} None\n"


def test_an_exception_is_exit_code_1():
    done = subprocess.run(program("supervise_work", "fail"), capture_output=True, text=True, check=True)
    assert done.stdout == "started\n1 None\n"
    assert "ValueError: bad" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
def test_work_that_ignores_the_signal_is_killed(numbers):
    process = start("sleep")
    assert process.stdout.readline() == "started\n"
    for number in numbers:
        process.send_signal(number)
        assert number is numbers[-1] or process.stdout.readline() == "asked\n"
    assert process.communicate(timeout=60)[0].splitlines()[-1] == f"-9 {int(numbers[0])}"


def test_the_work_dies_with_its_supervisor_and_what_it_started_dies_with_it(marked):
    process = start("sleep")
    process.stdout.readline()
    process.kill()
    process.communicate(timeout=60)
    marked.wait_until_gone()
    assert start("leave a child").communicate(timeout=60)[0] == "started\n0 None\n"
    marked.wait_until_gone()


def test_temporary_files_go_with_the_work_and_those_of_a_killed_supervisor_with_the_next(tmp_path, monkeypatch, marked):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    _, folder, end = start("write temporary").communicate(timeout=60)[0].splitlines()
    assert Path(folder).parent.parent == tmp_path
    assert end == "0 None"
    assert list(tmp_path.iterdir()) == []

    killed = start("keep temporary")
    assert killed.stdout.readline() == "started\n"
    left = Path(killed.stdout.readline().strip())
    other = start("keep temporary")
    assert other.stdout.readline() == "started\n"
    lives = Path(other.stdout.readline().strip())
    killed.kill()
    killed.communicate(timeout=60)
    assert left.exists()
    start("return 0").communicate(timeout=60)
    assert [path for path in (left, lives) if path.exists()] == [lives]
    other.kill()
    other.communicate(timeout=60)
    marked.wait_until_gone()
