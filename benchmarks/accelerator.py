"""Training on this machine's accelerator: speed, memory, cuDNN, XLA, and equality with the processor.

    processor        float32 without the accelerator; its loss and gradients are what the others are compared with
    float32          the Trainer's own code on the first GPU or the TPU (on the processor, if there is neither)
    bfloat16         the same with `trainer.precision: bfloat16`
    float32_xla      compiled by XLA: batches padded to the full shape of their bucket, no cuDNN
    bfloat16_xla     both

Each is a separate process, one after the other, since a TPU serves one process alone.

    make bench-accelerator [DATA=FILE]
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from accelerator_workers import results
from rich.console import Console
from shared.corpus import read_lines
from shared.options import benchmark_options
from shared.report import Report, describe_machine
from shared.worker import Worker
from tfx_lm.model.options import TrainerOptions
from training_workers import sample

NAME = "accelerator"
# By contestant: the precision, and whether XLA compiles the steps.
CONTESTANTS = {
    "processor": ("float32", False),
    "float32": ("float32", False),
    "bfloat16": ("bfloat16", False),
    "float32_xla": ("float32", True),
    "bfloat16_xla": ("bfloat16", True),
}
# TensorFlow would take all of a GPU's memory, and there would be no peak to see.
ENVIRONMENT = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


@dataclass(frozen=True)
class Settings:
    """The sizes of the benchmark; its test has smaller ones.

    Attributes:
        vocabularies: Numbers of ids by their label.
        batches: Batches of our buckets in a round.
        options: The trainer's options.
    """

    vocabularies: Mapping[str, int] = field(default_factory=lambda: {"10k": 10_000, "33k": 33_000})
    batches: int = 16
    options: TrainerOptions = field(default_factory=TrainerOptions)


def run(data: Path | None, rounds: int, contestants: Sequence[str], settings: Settings, console: Console) -> Report:
    """Measures everything.

    Args:
        data: The text, one sentence per line; None: made-up lines.
        rounds: Number of rounds that count.
        contestants: The contestants beside the processor.
        settings: The sizes.
        console: The console for progress.

    Returns:
        The report.

    Raises:
        WorkerError: A contestant cannot run.
        ValueError: The text is too short.
    """
    machine = describe_machine()
    lines = [line.split() for line in read_lines(data)]
    phases: dict[str, dict[str, Any]] = {}
    for label, vocabulary in settings.vocabularies.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            batch_tokens = settings.options.batch_tokens
            taken = sample.write(lines, vocabulary, batch_tokens, settings.batches, folder / "sample.json")
            console.print(f"{vocabulary:,} words, {taken['tokens']:,} tokens a round")
            measured = {}
            for contestant in ["processor", *(name for name in contestants if name != "processor")]:
                console.print(contestant)
                measured[contestant] = measure(contestant, vocabulary, rounds, folder, settings)
        phases[label] = {"vocabulary": vocabulary, "tokens": taken["tokens"], "contestants": measured}
    versions = {name: metadata.version(name) for name in ("keras", "tfx", "numpy")}
    return Report(NAME, results.ratios(phases), {"rounds": rounds, "phases": phases}, {**machine, **versions})


def measure(name: str, vocabulary: int, rounds: int, folder: Path, settings: Settings) -> dict[str, Any]:
    """Runs a contestant: a round to warm up, which compiles, the rounds that count, and one with the profiler.

    Returns:
        Its facts, `rates` (tokens per second), the `loss` of the last round, `first_seconds` (of the first round,
        which compiles), and the answers of the profiled round.
    """
    precision, xla = CONTESTANTS[name]
    own = folder / name
    own.mkdir()
    asked = {
        "vocabulary": vocabulary,
        "sample": str(folder / "sample.json"),
        "folder": str(own),
        "reference": str(folder / "reference.npz"),
        "options": TrainerOptions.parse({**settings.options.model_dump(), "precision": precision}).model_dump(),
        "xla": xla,
        "rounds": rounds,
        "on_processor": name == "processor",
    }
    worker = Worker(
        name,
        "accelerator_workers.training",
        json.dumps(asked),
        environment=ENVIRONMENT,
        on_cpu=name == "processor",
    )
    with closing(worker):
        facts = worker.answer()
        first, *timed, profiled = (worker.ask() for _ in range(rounds + 2))
    return {
        **facts,
        "rates": [answer["work"] / answer["seconds"] for answer in timed],
        "first_seconds": first["seconds"],
        "loss": timed[-1]["loss"],
        "memory": first["memory"],
        **{key: profiled[key] for key in ("cudnn", "names", "device_peak")},
    }


@click.command(help=__doc__)
@benchmark_options(NAME)
@click.option("--contestants", default=",".join(CONTESTANTS), show_default=True, help="Who takes part.")
def main(data: Path | None, rounds: int, output: Path, contestants: str) -> None:
    """Measures, prints the tables, writes the JSON file."""
    names = contestants.split(",")
    unknown = [name for name in names if name not in CONTESTANTS]
    if unknown:
        raise click.UsageError(f"--contestants {', '.join(unknown)}: unknown; known are {', '.join(CONTESTANTS)}")
    console = Console()
    try:
        report = run(data, rounds, names, Settings(), console)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    report.publish(results.tables(report.figures["phases"]), output, console)


if __name__ == "__main__":
    main()
