"""`tfx-lm run` with two workers, ended and killed while they train; `make test-faults` runs it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.local_run import CONFIG, made_up_corpus
from helpers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.faults]

EPOCHS = 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_run_and_the_next_run_goes_on(tmp_path, faults, marked, number):
    output = tmp_path / "output"
    (tmp_path / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    (tmp_path / "small.yaml").write_text(CONFIG.replace("epochs: 2", f"epochs: {EPOCHS}, workers: 2"))
    command = [Path(sys.executable).parent / "tfx-lm", "run", "--config", tmp_path / "small.yaml"]
    command += ["--data", tmp_path / "corpus.txt", "--output", output]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: list(output.glob("training_backup/*.npz")) or run.poll() is not None, 900)
    with faults.survived():
        run.send_signal(number)
        printed = run.communicate(timeout=60)[0]
        faults.printed(printed)
        assert run.returncode == {signal.SIGKILL: -9}.get(number, 128 + number), printed
        marked.wait_until_gone(15)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        marked.wait_until_gone()
    (record,) = output.glob("artifacts/Trainer/model_run/*/training.json")
    trained = json.loads(record.read_text())
    assert trained["resumed_after_epoch"] >= 1
    assert trained["options"]["workers"] == 2
    assert len(trained["epochs"]) == EPOCHS
