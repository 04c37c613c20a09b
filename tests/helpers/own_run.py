"""A run of the example pipeline on a made-up CSV file, built once for all that look at its outcome."""

import csv
import subprocess
from pathlib import Path

import pytest
import tfx_lm
from helpers.made_up_corpus import made_up_lines

EXAMPLE = Path(tfx_lm.__file__).parent / "examples" / "own_pipeline.py"
LINES = 300


def write_csv(folder: Path, lines: int) -> Path:
    """Writes so many made-up lines as the column `text` of a file in a new folder; returns the folder."""
    folder.mkdir()
    with (folder / "lines.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([line] for line in made_up_lines(lines, seed=1))])
    return folder


@pytest.fixture(scope="session")
def own_run(build_once, forked_python) -> Path:
    """The folder that the run wrote."""

    def run(folder: Path) -> None:
        command = [forked_python, EXAMPLE, write_csv(folder / "data", LINES), folder / "output"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=550)
        assert done.returncode == 0, done.stderr[-5000:]

    return build_once("own pipeline", run) / "output"
