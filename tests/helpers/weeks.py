"""A pipeline that reads the newest week of made-up news, and starts each training from the model that is served."""

import json
import os
import random
import subprocess
from pathlib import Path

import ml_metadata
from helpers.complete_versions import complete_versions
from helpers.local_run import Run, run_here
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.pipelines.metadata.metadata_store import connection_config

# A week of sentences has a held-out perplexity of 2 to 4, one of shuffled words of more than 5.
CONFIG = """
name: weekly
data:
  tokenizer: word
  max_length: 16
  splits: {train: 'news/week-{SPAN}/*.txt', eval: [held-out/older.txt, held-out/newer.txt]}
vocabulary: {from: baseline, grow: 5}
trainer:
  {warm_start: baseline, embedding_units: 16, units: 16, layers: 1, epochs: 4, batch_tokens: 512, learning_rate: 0.02}
gate: {max_perplexity: 60, tolerance: 0.2, slice_tolerance: null, slices: file}
"""


def sentences(lines: int, seed: int, more: str = "", shuffled: bool = False) -> str:
    """Sentences of a tiny grammar, with one more adjective, or their words in any order."""
    chance = random.Random(seed)
    animals, verbs = ["cat", "dog", "bird", "fox", "owl"], ["sees", "likes", "chases", "hears"]
    adjectives, places = ["old", "small", "red", "quick"], ["in the garden", "near the river", "at night"]
    adjectives += [more] if more else []
    text = []
    for _ in range(lines):
        first, second = (f"{chance.choice(adjectives)} {chance.choice(animals)}" for _ in range(2))
        words = f"the {first} {chance.choice(verbs)} a {second} {chance.choice(places)} .".split()
        text.append(" ".join(chance.sample(words, len(words)) if shuffled else words))
    return "\n".join(text) + "\n"


class Weeks:
    """The folder of the pipeline."""

    def __init__(self, folder: Path, keep_runs: int) -> None:
        self.folder, self.output = folder, folder / "output"
        (folder / "weekly.yaml").write_text(f"{CONFIG}keep_runs: {keep_runs}\n")
        (folder / "held-out").mkdir()
        for seed, age in ((100, "older"), (101, "newer")):
            (folder / "held-out" / f"{age}.txt").write_text(sentences(150, seed=seed))

    def add(self, week: int, text: str) -> None:
        """Adds a week of news, which may be empty."""
        file = self.folder / "news" / f"week-{week}" / "news.txt"
        file.parent.mkdir(parents=True)
        file.write_text(text)

    def command(self) -> subprocess.CompletedProcess:
        """Runs the pipeline, which may refuse; the folder must be the current one."""
        return run_here("run", "--config", "weekly.yaml", "--output", self.output)

    def run(self) -> Run:
        """Runs the pipeline, which must end well."""
        done = self.command()
        assert done.returncode == 0, done.stdout + done.stderr
        return Run(self.folder, done, json.loads((self.output / "summary.json").read_text()))

    def served(self) -> str | None:
        """The version that a server would load."""
        return next(iter(complete_versions(str(self.output / "serving"))), None)

    def live(self) -> dict[str, int]:
        """The number of live artifacts by type. Their files are there; those of deleted ones are not."""
        store = ml_metadata.MetadataStore(connection_config(f"sqlite:///{self.output}/metadata.sqlite"))
        numbers: dict[str, int] = {}
        for artifact in store.get_artifacts():
            live = artifact.state == metadata_store_pb2.Artifact.LIVE
            assert live or artifact.state == metadata_store_pb2.Artifact.DELETED
            assert Path(artifact.uri).exists() == live, artifact
            numbers[artifact.type] = numbers.get(artifact.type, 0) + live
        return numbers

    def files(self) -> set[str]:
        """All files of the output folder."""
        return {os.path.join(parent, name) for parent, _, names in os.walk(self.output) for name in names}  # noqa: PTH118


def vocabulary(model: str) -> list[str]:
    """The words of an exported model, by their ids."""
    return Path(model, "assets", "vocabulary").read_text().splitlines()
