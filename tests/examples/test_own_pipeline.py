"""The example pipeline, as a user runs it."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import tfx_lm
from helpers.made_up_corpus import made_up_lines
from tfx_lm.exported import load

pytestmark = pytest.mark.slow
EXAMPLE = Path(tfx_lm.__file__).parent / "examples" / "own_pipeline.py"


def test_it_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 60


def test_it_pushes_a_model(tmp_path):
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "lines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([line] for line in made_up_lines(150, seed=1))])
    done = subprocess.run(
        [sys.executable, EXAMPLE, tmp_path / "data", tmp_path / "output"], capture_output=True, text=True, timeout=550
    )
    assert done.returncode == 0, done.stderr[-5000:]
    model = load(tmp_path / "output" / "serving")
    assert set(model.loaded.signatures) >= {"evaluate", "score", "next_word"}
