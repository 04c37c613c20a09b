"""Minutes of training until a validation perplexity, ours and those of PyTorch's example `word_language_model`.

    make bench-time_to_quality DATA=train.txt ARGS="--validation valid.txt"

Both read the text in order, and what came before a line with it: the example by the state that goes on from step to
step, ours by `data.context_tokens`. Ours is `tfx-lm run` up to the Trainer, with a recipe for few epochs. Only training
counts, with the tracing of the first step; the validation after each epoch does not. Fails unless the validation text
has as many tokens for both, or if one of them does not reach the perplexity. One run of one seed says little.
"""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import yaml
from rich.console import Console
from shared.options import TEXT_FILE, output_option
from shared.pytorch import ALLOCATOR, check_torch, torch_python_option
from shared.report import Report, describe_machine, figures_table
from shared.worker import Worker
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.vocabulary import RESERVED

DEFAULTS = TrainerOptions()
NAME = "time_to_quality"
OURS, PEER = "ours", "word_language_model"
# With batches of a quarter of the usual size: such a short training learns more from more steps.
DATA_OPTIONS = {
    "documents": "file",
    "context_tokens": 48,
    "tokenizer": "whitespace",
    "lowercase": False,
    "max_length": 128,
}
TRAINER = {
    "batch_tokens": 512,
    "epochs": 3,
    "residual": True,
    "output": "adaptive",
    "adaptive_cutoffs": [2000],
    "dropout": 0.1,
    "learning_rate": 0.003,
    "schedule": "cosine",
    "warmup_steps": 300,
}
# The peer gives up after so many.
MOST_EPOCHS = 20


class Epoch(NamedTuple):
    """An epoch.

    Attributes:
        seconds: Its training.
        perplexity: The validation perplexity after it.
    """

    seconds: float
    perplexity: float


class Course(NamedTuple):
    """A training.

    Attributes:
        epochs: Its epochs.
        validation_tokens: How many tokens a validation scores.
    """

    epochs: Sequence[Epoch]
    validation_tokens: int


def seconds_until(perplexity: float, epochs: Sequence[Epoch]) -> float:
    """Returns the seconds of training until a perplexity is reached, NaN if it is not.

    Example: until 110, epochs of 60 s each that reach 150, 120 and 105 take 180 s.
    """
    total = 0.0
    for epoch in epochs:
        total += epoch.seconds
        if epoch.perplexity <= perplexity:
            return total
    return math.nan


def configuration(train: Path, validation: Path, trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the configuration of our pipeline, with every word of the training text in the vocabulary."""
    words = {word for line in train.read_text(encoding="utf-8").splitlines() for word in line.split()}
    return {
        "name": NAME,
        "data": {**DATA_OPTIONS, "splits": {"train": [str(train)], "eval": [str(validation)]}},
        "vocabulary": {"size": len(words) + len(RESERVED)},
        "trainer": {**TRAINER, **trainer},
        "gate": {"max_perplexity": 1000},
    }


def tokens_of(validation: Path) -> int:
    """Returns how many tokens our pipeline scores of a text: words, and an end after each line that is not blank."""
    return sum(len(line.split()) + 1 for line in validation.read_bytes().splitlines() if line.strip())


def check_tokens(ours: int, theirs: int) -> None:
    """Fails unless both score as many tokens.

    Raises:
        click.ClickException: They do not.
    """
    if ours != theirs:
        raise click.ClickException(f"the validation text has {ours:,} tokens for {OURS} and {theirs:,} for {PEER}")


def train_ours(config: Mapping[str, Any], folder: Path) -> Course:
    """Runs our pipeline up to the Trainer, in a new folder.

    Raises:
        click.ClickException: It failed.
    """
    folder.mkdir()
    file, output = folder / "pipeline.yaml", folder / "output"
    file.write_text(yaml.safe_dump(dict(config)), encoding="utf-8")
    command = [Path(sys.executable).parent / "tfx-lm", "run", "--config", file, "--output", output, "--to", "Trainer"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise click.ClickException(f"tfx-lm run ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr}")
    (record,) = output.rglob("training.json")
    epochs = json.loads(record.read_text(encoding="utf-8"))["epochs"]
    return Course(
        [Epoch(epoch["seconds"], epoch["validation_perplexity"]) for epoch in epochs],
        int(epochs[0]["validation_tokens"]),
    )


def table(courses: Mapping[str, Course]) -> Any:
    """Returns the table of all epochs."""
    shown = figures_table(["training"], ["epoch", "minutes so far", "validation perplexity"])
    for name, course in courses.items():
        minutes = 0.0
        for number, epoch in enumerate(course.epochs, start=1):
            minutes += epoch.seconds / 60
            shown.add_row(name, str(number), f"{minutes:.2f}", f"{epoch.perplexity:.2f}")
    return shown


@click.command(help=__doc__)
@click.option("--data", type=TEXT_FILE, required=True, help="Text in order, one sentence a line, tokenised.")
@click.option("--validation", type=TEXT_FILE, required=True, help="Held-out text, likewise.")
@click.option("--perplexity", default=110.0, show_default=True, help="What the validation is to reach.")
@click.option("--units", default=DEFAULTS.units, show_default=True, help="Width of embedding and layers.")
@click.option("--layers", default=DEFAULTS.layers, show_default=True, help="LSTM layers.")
@click.option("--epochs", default=TRAINER["epochs"], show_default=True, help="Epochs of our training.")
@click.option("--seed", default=DEFAULTS.seed, show_default=True, help="Seed of both.")
@torch_python_option
@output_option(NAME)
def main(
    data: Path,
    validation: Path,
    perplexity: float,
    units: int,
    layers: int,
    epochs: int,
    seed: int,
    torch_python: str,
    output: Path,
) -> None:
    """Measures both trainings, one after the other."""
    check_torch(torch_python)
    machine, console = describe_machine(), Console()
    trainer = {
        "embedding_units": units,
        "units": units,
        "layers": layers,
        "epochs": epochs,
        "early_stopping_patience": epochs,
        "seed": seed,
    }
    arguments = data, validation, perplexity, units, layers, MOST_EPOCHS, seed
    with (
        tempfile.TemporaryDirectory() as name,
        Worker(PEER, "time_to_quality_workers.pytorch", *arguments, python=torch_python, environment=ALLOCATOR) as peer,
    ):
        expected = peer.answer()["validation_tokens"]
        check_tokens(tokens_of(validation), expected)
        ours = train_ours(configuration(data, validation, trainer), Path(name) / OURS)
        check_tokens(ours.validation_tokens, expected)
        theirs = Course([Epoch(**epoch) for epoch in peer.ask()["course"]], expected)
    courses = {OURS: ours, PEER: theirs}
    seconds = {each: seconds_until(perplexity, course.epochs) for each, course in courses.items()}
    figures = {
        "perplexity": perplexity,
        "trainer": {**TRAINER, **trainer},
        "seconds": {each: None if math.isnan(taken) else taken for each, taken in seconds.items()},
        "validation_tokens": ours.validation_tokens,
        "courses": {each: [epoch._asdict() for epoch in course.epochs] for each, course in courses.items()},
    }
    missed = [
        f"{each} did not reach {perplexity:g}; its lowest was {min(epoch.perplexity for epoch in course.epochs):.2f}"
        for each, course in courses.items()
        if math.isnan(seconds[each])
    ]
    ratios = {} if missed else {"minutes_vs_pytorch": seconds[OURS] / seconds[PEER]}
    Report(NAME, ratios, figures, machine).publish([table(courses)], output, console)
    if missed:
        raise click.ClickException("; ".join(missed))


if __name__ == "__main__":
    main()
