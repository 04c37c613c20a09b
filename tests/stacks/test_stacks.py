"""Both TFX generations on the same data: the same model, each other's models, and the upgrade that a team makes.

Run by `make test-stacks` in the environment of Python 3.10; the newest stack's part goes through `.ci/newest`, in whose
root the checkout has the same path and nothing else of this machine is seen, so that everything lies in the checkout.
"""

import json
import math
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tfx_lm

pytestmark = pytest.mark.slow

ROOT = Path(tfx_lm.__file__).parent
OLD = [str(Path(sys.executable).parent / "tfx-lm")]
NEWEST = [str(ROOT / ".ci" / "newest"), "tfx-lm"]
CONFIG = """
name: small
data: {tokenizer: word, eval_percent: 20}
vocabulary: {size: 40}
trainer: {embedding_units: 16, units: 16, layers: 1, epochs: 2, batch_tokens: 512, learning_rate: 0.02}
gate: {max_perplexity: 45}
"""


def corpus() -> str:
    choose = random.Random(7).choice
    nouns, verbs, places = ["cat", "dog", "bird", "owl"], ["sees", "hears"], ["at night", "in the garden"]
    return "".join(
        f"The {choose(nouns)} {choose(verbs)} a {choose(nouns)} {choose(places)} {number % 97}.\n"
        for number in range(1200)
    )


def call(command: list[str], *arguments: object) -> str:
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, timeout=1200, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder():
    folder = ROOT / ".cache" / "stacks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "corpus.txt").write_text(corpus())
    (folder / "small.yaml").write_text(CONFIG)
    yield folder
    shutil.rmtree(folder)


def run(command: list[str], folder: Path, output: str, *options: str) -> dict[str, Any]:
    """Runs the pipeline; returns its summary."""
    call(
        command, "run", "--config", folder / "small.yaml", "--data", folder / "corpus.txt",
        "--output", folder / output, *options,
    )  # fmt: skip
    return json.loads((folder / output / "summary.json").read_text())


def scores(command: list[str], folder: Path, model: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in call(command, "score", model, folder / "corpus.txt").splitlines()]


@pytest.fixture(scope="module")
def old(folder) -> dict[str, Any]:
    return run(OLD, folder, "old")


@pytest.fixture(scope="module")
def newest(folder) -> dict[str, Any]:
    return run(NEWEST, folder, "newest")


@pytest.fixture(scope="module")
def upgraded(folder, old) -> dict[str, Any]:
    """The newest stack where the old one has run, with a longer training."""
    return run(NEWEST, folder, "old", "--set", "trainer.epochs=3")


def test_both_stacks_make_the_same_model(old, newest):
    assert old["gate"]["blessed"] is newest["gate"]["blessed"] is True
    assert newest["evaluation"]["tokens"] == old["evaluation"]["tokens"]
    assert newest["evaluation"]["perplexity"] == pytest.approx(old["evaluation"]["perplexity"], rel=0.02)


def test_each_stack_scores_the_models_of_both(folder, old, newest):
    for summary in (old, newest):
        ours, theirs = (scores(command, folder, summary["pushed_model"]) for command in (OLD, NEWEST))
        assert len(ours) == len(theirs) == 1201
        for line, other in zip(ours, theirs, strict=True):
            assert line.keys() == other.keys()
            for name, value in line.items():
                if isinstance(value, float) and math.isfinite(value):
                    assert other[name] == pytest.approx(value, rel=1e-4), (line, other)
                else:
                    assert other[name] == value, (line, other)


def test_after_an_upgrade_store_cache_and_baseline_are_still_used(old, upgraded):
    states = {node["id"]: node["state"] for node in upgraded["nodes"]}
    assert [name for name, state in states.items() if state == "CACHED"] == [
        "TextExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "Transform",
    ]  # fmt: skip
    assert upgraded["baseline"]["tokens"] == old["evaluation"]["tokens"]
    assert upgraded["baseline"]["perplexity"] == pytest.approx(old["evaluation"]["perplexity"], rel=1e-4)
    assert upgraded["gate"]["blessed"] is True
    assert int(Path(upgraded["pushed_model"]).name) > int(Path(old["pushed_model"]).name)
