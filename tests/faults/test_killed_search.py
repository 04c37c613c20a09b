"""SIGKILL within a search for better options of the trainer: the same command goes on with the same trials."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.killable_pipeline import CONFIG, corpus, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.faults]

TUNER = "tuner: {trials: 3, trial_epochs: 2, space: {units: [8, 24]}}\n"


def start(folder: Path, output: Path) -> subprocess.Popen:
    command = [Path(sys.executable).parent / "tfx-lm", "run", "--to", "Tuner", "--output", output]
    return subprocess.Popen(
        [*map(str, command), "--config", str(folder / "small.yaml"), "--data", str(folder / "corpus.txt")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def search(folder: Path, output: Path, faults) -> list[dict]:
    """The trials of a search that comes to its end."""
    process = start(folder, output)
    printed = process.communicate(timeout=900)[0]
    assert process.returncode == 0, printed
    faults.printed(printed)
    assert list((output / "tuning_backup").iterdir()) == []
    return json.loads((output / "summary.json").read_text())["tuner"]


def test_a_killed_search(tmp_path, faults, marked):
    (tmp_path / "corpus.txt").write_text(corpus(), encoding="utf-8")
    (tmp_path / "small.yaml").write_text(CONFIG + TUNER)
    whole = search(tmp_path, tmp_path / "whole", faults)
    output = tmp_path / "killed"
    with faults.survived():
        process = start(tmp_path, output)
        # The first trial has ended, and the second has a backup of its first epoch.
        wait_for(lambda: list(output.glob("tuning_backup/search-*/trial-*.json")), process)
        wait_for(lambda: list(output.glob("tuning_backup/search-*/trial-*/training-*.npz")), process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        marked.wait_until_gone()
        ended = [json.loads(path.read_text()) for path in output.glob("tuning_backup/search-*/trial-*.json")]
        trials = search(tmp_path, output, faults)
        marked.wait_until_gone()
        faults.left_behind(marked.alive())
        faults.lost([trial for trial in ended if trial not in trials])
        assert [(trial["values"], trial["perplexity"]) for trial in trials] == [
            (trial["values"], pytest.approx(trial["perplexity"], rel=1e-6)) for trial in whole
        ]
