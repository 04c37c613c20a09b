"""A run of the whole pipeline on a made-up corpus, as a user starts it; built once for all that look at its outcome."""

import faulthandler
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

CONFIG = """
name: small
data: {tokenizer: word, max_length: auto, eval_percent: 20}
vocabulary: {size: 40}
trainer: {embedding_units: 16, units: 16, layers: 1, epochs: 2, batch_tokens: 512, learning_rate: 0.02}
gate: {max_perplexity: 45, tolerance: 0.5}
"""
LINES = 1500


def made_up_corpus(lines: int = LINES, seed: int = 7) -> str:
    """Sentences of a tiny grammar, so that there is something to learn; some lines are odd on purpose."""
    choose = random.Random(seed).choice
    animals, verbs = ["cat", "dog", "bird", "fox", "owl"], ["sees", "likes", "chases", "hears"]
    adjectives, places = ["old", "small", "red", "quick"], ["in the garden", "near the river", "at night", ""]
    text = []
    for number in range(lines):
        sentence = (
            f"The {choose(adjectives)} {choose(animals)} {choose(verbs)} a {choose(adjectives)} {choose(animals)}"
        )
        text.append(f"{sentence} {choose(places)} {number % 97}.")
    text += [
        "",
        "   ",
        "a <pad> in the text </s> and <s>.",
        "猫は犬が好き。",
        "owl 🦉 owl",
        "nul\0inside",
        "crlf line\r",
    ]
    text.append("long " * 300)
    return "\n".join(text) + "\n"


def tfx_lm(*arguments: object, stdin: str | None = None, timeout: float = 600) -> subprocess.CompletedProcess:
    """Runs the command `tfx-lm` in a process of its own."""
    command = [Path(sys.executable).parent / "tfx-lm", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, input=stdin, timeout=timeout)


def run_here(*arguments: object) -> subprocess.CompletedProcess:
    """Runs the command `tfx-lm` in this process, whose fork server has imported TFX from the second run on."""
    from tfx_lm.cli.cli import main

    # A run prints to the descriptor, and what refuses it to the stream.
    with tempfile.TemporaryFile() as printed:
        descriptor = os.dup(1)
        os.dup2(printed.fileno(), 1)
        command = list(map(str, arguments))
        # A run that hangs ends this process and says where it was.
        faulthandler.dump_traceback_later(600, exit=True)
        try:
            done = CliRunner().invoke(main, command)
        finally:
            faulthandler.cancel_dump_traceback_later()
            os.dup2(descriptor, 1)
            os.close(descriptor)
        printed.seek(0)
        text = printed.read().decode()
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(command, done.exit_code, text + done.stdout, done.stderr)


class Run:
    """A finished run of the pipeline of a folder, and its summary."""

    def __init__(self, folder: Path, done: subprocess.CompletedProcess, summary: dict[str, Any]) -> None:
        self.output = folder / "output"
        self.done = done
        self.summary = summary
        self.states = {node["id"]: node["state"] for node in summary["nodes"]}


def run_pipeline(folder: Path, *overrides: str, command: Callable[..., subprocess.CompletedProcess] = tfx_lm) -> Run:
    """Runs `small.yaml` of a folder on its `corpus.txt`, to `output`."""
    output = folder / "output"
    options = [part for override in overrides for part in ("--set", override)]
    files = "--config", folder / "small.yaml", "--data", folder / "corpus.txt", "--output", output
    done = command("run", *files, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return Run(folder, done, json.loads((output / "summary.json").read_text()))


def _build(folder: Path) -> None:
    (folder / "corpus.txt").write_text(made_up_corpus(), encoding="utf-8", newline="")
    (folder / "small.yaml").write_text(CONFIG)
    run = run_pipeline(folder)
    (folder / "first.json").write_text(json.dumps({"done": vars(run.done), "summary": run.summary}))


@pytest.fixture(scope="session")
def local_run(build_once) -> Run:
    """The first run in its folder; what tests run there later does not change it."""
    folder = build_once("local-run", _build)
    kept = json.loads((folder / "first.json").read_text())
    return Run(folder, subprocess.CompletedProcess(**kept["done"]), kept["summary"])
