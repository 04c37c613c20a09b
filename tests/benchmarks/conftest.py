"""What the tests of the benchmarks share: a module of a benchmark, a text, and a run by the command line."""

import functools
import importlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import tfx_lm

FOLDER = Path(tfx_lm.__file__).parent / "benchmarks"


@pytest.fixture
def benchmark_module(monkeypatch):
    """Imports as `python benchmarks/training.py` does, and forgets what was imported."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (FOLDER / name.partition(".")[0]).exists() or (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


@pytest.fixture
def text(tmp_path):
    """A file with lines of 1 to 12 words; one word in ten is <unk>."""
    chance = random.Random(7)
    words = [f"w{number}" for number in range(30)] + ["<unk>"] * 3
    path = tmp_path / "corpus.txt"
    lines = (" ".join(chance.choices(words, k=chance.randint(1, 12))) for _ in range(400))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def assert_readable():
    """A function that checks that lines for 80 columns are not cut."""

    def check(lines):
        assert max(map(len, lines)) <= 80
        assert not [line for line in lines if "…" in line]

    return check


@pytest.fixture
def forked_workers(forked_python, monkeypatch):
    """The workers of benchmarks that are imported from now on begin with TensorFlow imported."""
    monkeypatch.setattr(sys, "executable", str(forked_python))


def run_in_a_process(name, arguments, python=sys.executable):
    """Runs a benchmark as a user does; returns what it prints."""
    command = [python, FOLDER / f"{name}.py", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def run_in_a_fork(forked_python, monkeypatch):
    """A function that runs a benchmark in a fork, with workers that are forks; returns what it prints."""
    monkeypatch.setenv("TFX_LM_TEST_EXECUTABLE", str(forked_python))
    return functools.partial(run_in_a_process, python=forked_python)


@pytest.fixture
def run_benchmark(text, tmp_path, assert_readable, monkeypatch):
    """A function that runs a benchmark on the text, one round; returns the JSON file and the lines on a terminal."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(name, *options, start=run_in_a_process):
        output = tmp_path / "out" / f"{name}.json"
        printed = start(name, ["--data", text, "--rounds", "1", "--output", output, *options])
        report = json.loads(output.read_text())
        assert report.keys() == {"name", "ratios", "figures", "machine"}
        assert report["name"] == name
        assert {"tensorflow", "cores", "python", "load_average_before"} <= report["machine"].keys()
        lines = printed.splitlines()
        assert lines[-1] == f"Written: {output}"
        assert_readable(lines[:-1])
        return report, lines

    return run
