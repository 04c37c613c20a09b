"""Training on this machine's accelerator: speed, memory, cuDNN, XLA, and equality with the processor.

    processor        float32 without the accelerator; its loss and gradients are what the others are compared with
    float32          the Trainer's own code on the first GPU or the TPU (on the processor, if there is neither)
    bfloat16         the same with `trainer.precision: bfloat16`
    float32_xla      compiled by XLA: batches padded to the full shape of their bucket, no cuDNN
    bfloat16_xla     both
    pytorch, pytorch_bfloat16   the peer of `make bench-training` on the first GPU, if `--torch-python` names an
                     interpreter whose PyTorch sees one

With two vocabularies and the default model, and with a model of 1,024 units.

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
# The peer's precision.
PEERS = {"pytorch": "float32", "pytorch_bfloat16": "bfloat16"}
# TensorFlow would take all of a GPU's memory, and there would be no peak to see.
ENVIRONMENT = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}


@dataclass(frozen=True)
class Size:
    """A model and its batches.

    Attributes:
        vocabulary: The number of ids.
        options: The trainer's options.
        processor_rounds: Whether the processor trains too, beside the step that the others are compared with.
    """

    vocabulary: int
    options: TrainerOptions = field(default_factory=TrainerOptions)
    processor_rounds: bool = True


LARGE = TrainerOptions(embedding_units=1024, units=1024, batch_tokens=16_384)


@dataclass(frozen=True)
class Settings:
    """The sizes of the benchmark; its test has smaller ones.

    Attributes:
        sizes: Sizes by their label.
        batches: Batches of our buckets in a round.
    """

    sizes: Mapping[str, Size] = field(
        default_factory=lambda: {
            "10k": Size(10_000),
            "33k": Size(33_000),
            "33k_large": Size(33_000, LARGE, processor_rounds=False),
        }
    )
    batches: int = 16


def run(
    data: Path | None,
    rounds: int,
    contestants: Sequence[str],
    torch_python: str | None,
    settings: Settings,
    console: Console,
) -> Report:
    """Measures everything.

    Args:
        data: The text, one sentence per line; None: made-up lines.
        rounds: Number of rounds that count.
        contestants: The contestants beside the processor.
        torch_python: An interpreter whose PyTorch sees a GPU, for the peers; None: they do not take part.
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
    for label, size in settings.sizes.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            batch_tokens = size.options.batch_tokens
            taken = sample.write(lines, size.vocabulary, batch_tokens, settings.batches, folder / "sample.json")
            console.print(f"{label}: {size.vocabulary:,} words, {taken['tokens']:,} tokens a round")
            measured = {}
            for contestant in ["processor", *(name for name in contestants if name != "processor")]:
                console.print(contestant)
                measured[contestant] = measure(contestant, size, rounds, folder)
            for peer in PEERS if torch_python else ():
                console.print(peer)
                measured[peer] = measure_peer(peer, size, rounds, folder, str(torch_python))
        facts = {"vocabulary": size.vocabulary, "units": size.options.units, "batch_tokens": batch_tokens}
        phases[label] = {**facts, "tokens": taken["tokens"], "contestants": measured}
    versions = {name: metadata.version(name) for name in ("keras", "tfx", "numpy")}
    return Report(NAME, results.ratios(phases), {"rounds": rounds, "phases": phases}, {**machine, **versions})


def measure(name: str, size: Size, rounds: int, folder: Path) -> dict[str, Any]:
    """Runs a contestant: a round to warm up, which compiles, the rounds that count, and one with the profiler.

    Returns:
        Its facts, `rates` (tokens per second), the `loss` of the last round, `first_seconds` (of the first round,
        which compiles), and the answers of the profiled round. Without rounds: its facts.
    """
    precision, xla = CONTESTANTS[name]
    own = folder / name
    own.mkdir()
    asked = {
        "vocabulary": size.vocabulary,
        "sample": str(folder / "sample.json"),
        "folder": str(own),
        "reference": str(folder / "reference.npz"),
        "options": TrainerOptions.parse({**size.options.model_dump(), "precision": precision}).model_dump(),
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
        if name == "processor" and not size.processor_rounds:
            return {**facts, "rates": []}
        first, *timed, profiled = (worker.ask() for _ in range(rounds + 2))
    return {
        **facts,
        "rates": [answer["work"] / answer["seconds"] for answer in timed],
        "first_seconds": first["seconds"],
        "loss": timed[-1]["loss"],
        "memory": first["memory"],
        **{key: profiled[key] for key in ("cudnn", "names", "device_peak")},
    }


def measure_peer(name: str, size: Size, rounds: int, folder: Path, torch_python: str) -> dict[str, Any]:
    """Runs PyTorch on the first GPU: a round to warm up, then the rounds that count.

    Returns:
        Its facts, `rates`, the `loss` of the last round, `first_seconds` and `device_peak`.
    """
    asked = {
        "vocabulary": size.vocabulary,
        "sample": str(folder / "sample.json"),
        "options": TrainerOptions.parse({**size.options.model_dump(), "precision": PEERS[name]}).model_dump(),
        "chunked": False,
        "device": "cuda",
    }
    worker = Worker(name, "training_workers.pytorch", json.dumps(asked), python=torch_python, on_cpu=False)
    with closing(worker):
        facts = worker.answer()
        first, *timed = (worker.ask() for _ in range(rounds + 1))
    return {
        **facts,
        "rates": [answer["work"] / answer["seconds"] for answer in timed],
        "first_seconds": first["seconds"],
        "loss": timed[-1]["loss"],
        "device_peak": timed[-1]["device_peak"],
    }


_SIZES = ",".join(Settings().sizes)


@click.command(help=__doc__)
@benchmark_options(NAME)
@click.option("--contestants", default=",".join(CONTESTANTS), show_default=True, help="Who takes part.")
@click.option("--sizes", default=_SIZES, show_default=True, help="Which sizes.")
@click.option("--torch-python", help="An interpreter whose PyTorch sees a GPU.  [default: PyTorch takes no part]")
def main(data: Path | None, rounds: int, output: Path, contestants: str, sizes: str, torch_python: str | None) -> None:
    """Measures, prints the tables, writes the JSON file."""
    names, labels, known = contestants.split(","), sizes.split(","), Settings().sizes
    for option, asked, offered in (("--contestants", names, CONTESTANTS), ("--sizes", labels, known)):
        unknown = [name for name in asked if name not in offered]
        if unknown:
            raise click.UsageError(f"{option} {', '.join(unknown)}: unknown; known are {', '.join(offered)}")
    console = Console()
    settings = Settings({label: known[label] for label in labels})
    try:
        report = run(data, rounds, names, torch_python, settings, console)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    report.publish(results.tables(report.figures["phases"]), output, console)


if __name__ == "__main__":
    main()
