"""A small pipeline in processes of its own, which a test kills and starts again."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import ml_metadata
import numpy as np
from click.testing import CliRunner
from tfx_lm.cli.cli import main
from tfx_lm.pipelines.metadata.metadata_store import connection_config

CONFIG = """
name: small
data: {tokenizer: word, max_length: auto, eval_percent: 20}
vocabulary: {size: 40}
trainer: {embedding_units: 16, units: 16, layers: 1, epochs: 4, batch_tokens: 256, learning_rate: 0.02}
gate: {max_perplexity: 60, tolerance: 0.5}
"""

BACKUP = "training_backup/training-*.npz"


def corpus() -> str:
    choose = random.Random(7).choice
    animals, verbs, places = ("cat", "dog", "bird", "fox", "owl"), ("sees", "likes", "hears"), ("here", "at night", "")
    lines = (
        f"The {choose(animals)} {choose(verbs)} a {choose(animals)} {choose(places)} {n % 97}." for n in range(900)
    )
    return "\n".join(lines) + "\n"


class Pipeline:
    """A command that runs the pipeline into an output folder, as often as it is asked."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.output = folder / "output"
        self._environment = {**os.environ, "TMPDIR": str(temporary)}
        (folder / "corpus.txt").write_text(corpus(), encoding="utf-8")
        (folder / "small.yaml").write_text(CONFIG)
        self._settings = ["--config", str(folder / "small.yaml"), "--data", str(folder / "corpus.txt")]
        self._compiled = str(folder / "small.json")

    def start(self) -> subprocess.Popen:
        return self._start("run", *self._settings, "--output", str(self.output))

    def compile(self) -> None:
        """For an orchestrator that runs the nodes as tasks, such as Airflow."""
        output = ["--output", self._compiled, "--set", f"output={self.output}"]
        commands = (
            ["compile", "--runner", "airflow", *self._settings, *output],
            ["init-metadata", "--pipeline", self._compiled],
        )
        for command in commands:
            done = CliRunner().invoke(main, command)
            assert done.exit_code == 0, done.output

    def start_task(self, node: str) -> subprocess.Popen:
        return self._start("run-node", "--pipeline", self._compiled, "--node", node, "--run-id", "only")

    def _start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [str(Path(sys.executable).parent / "tfx-lm"), *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=self._environment, start_new_session=True,
        )  # fmt: skip

    def claim(self, node: str) -> Path | None:
        return next((self.output / "artifacts" / ".running").glob(f"{node}-*.json"), None)

    def within(self, pattern: str) -> bool:
        return next(self.output.glob(pattern), None) is not None

    def written(self, pattern: str) -> list[int]:
        """When the files were written."""
        return [path.stat().st_mtime_ns for path in self.output.glob(pattern)]

    @property
    def summary(self) -> dict:
        return json.loads((self.output / "summary.json").read_text())

    def store(self) -> ml_metadata.MetadataStore:
        return ml_metadata.MetadataStore(connection_config(f"sqlite:///{self.output}/metadata.sqlite"))

    def backup(self) -> tuple[int, int] | None:
        """The epochs and batches that the backup of a training has, if there is one."""
        return backup(self.output)


def backup(output: Path) -> tuple[int, int] | None:
    """The epochs and batches that the backup of a training has, if there is one."""
    for file in output.glob(BACKUP):
        with np.load(file) as content:
            facts = json.loads(content["facts"].tobytes())
        return facts["epochs_done"], facts["batches_done"]
    return None


def resumed(model_run: Path) -> tuple[int, int]:
    """The epochs and batches after which a training went on."""
    history = json.loads((model_run / "training.json").read_text())
    return history["resumed_after_epoch"], history["resumed_after_batch"]


def wait_for(what: Callable[[], object], process: subprocess.Popen, pause: float = 0.01) -> None:
    deadline = time.monotonic() + 900
    while not what():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(pause)
