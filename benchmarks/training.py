"""Speed and memory of training: ours, Keras padded to 64, PyTorch packed, the machine's limit.

    ours            the Trainer's own code on its length buckets; also with untied weights, in bfloat16, (33k) adaptive
                    in both precisions, and (10k) in our own loop instead of Keras's `fit`
    keras_padded    sentences padded to 64, `Embedding(mask_zero=True)`, `SparseCategoricalCrossentropy`, `fit`
    pytorch         packed batches of our buckets, logits of real positions only, tied and untied, fused Adam;
                    also in bfloat16 (autocast), the memory-saving `linear_cross_entropy` (chunked), and (33k) in both
                    precisions with `AdaptiveLogSoftmaxWithLoss` as it is by default: rare words have narrower rows
    sgemm           products of 2048 x 2048 float32 matrices, by TensorFlow and by PyTorch; gemm_bfloat16: by
                    TensorFlow in bfloat16

Each contestant is a separate process. They take turns on the same sentences of the text; a speed is the median of
the rounds, in real tokens (padding does not count) per second. The model is the same (but for PyTorch's
adaptive softmax, which is untied and, with its narrower rows, does less work than ours):
embedding of 200, two LSTM layers of 200, dropout 0.2, Adam, gradients clipped to a global norm of 1.

    make bench-training DATA=FILE
"""

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from shared.corpus import read_lines
from shared.options import benchmark_options
from shared.pytorch import ALLOCATOR, check_torch, torch_python_option
from shared.report import Report, describe_machine
from shared.rounds import take_turns, warm_up
from shared.worker import Worker
from tfx_lm.model.options import TrainerOptions
from training_workers import results, sample

NAME = "training"
ONLY_33K = ("ours_adaptive", "ours_adaptive_bfloat16", "pytorch_adaptive", "pytorch_adaptive_bfloat16")
ONLY_10K = ("ours_loop", "pytorch_default_allocator")
MOST_ROUNDS = 1000


@dataclass(frozen=True)
class Contestant:
    """A worker and its settings.

    Attributes:
        module: The worker, in `training_workers`.
        options: The trainer's options that differ from those of the benchmark.
        asked: Other settings that differ.
        environment: Variables for its process only.
        torch: Whether it needs PyTorch.
    """

    module: str
    options: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    torch: bool = False


CONTESTANTS = {
    "ours": Contestant("ours"),
    "ours_untied": Contestant("ours", {"tied_embedding": False}),
    "ours_adaptive": Contestant("ours", {"output": "adaptive"}),
    "ours_loop": Contestant("ours", asked={"fit": False}),
    "ours_bfloat16": Contestant("ours", {"precision": "bfloat16"}),
    "ours_adaptive_bfloat16": Contestant("ours", {"output": "adaptive", "precision": "bfloat16"}),
    "keras_padded": Contestant("keras_padded"),
    "pytorch": Contestant("pytorch", environment=ALLOCATOR, torch=True),
    "pytorch_untied": Contestant("pytorch", {"tied_embedding": False}, environment=ALLOCATOR, torch=True),
    "pytorch_bfloat16": Contestant("pytorch", {"precision": "bfloat16"}, environment=ALLOCATOR, torch=True),
    "pytorch_adaptive": Contestant("pytorch", {"output": "adaptive"}, environment=ALLOCATOR, torch=True),
    "pytorch_adaptive_bfloat16": Contestant(
        "pytorch", {"output": "adaptive", "precision": "bfloat16"}, environment=ALLOCATOR, torch=True
    ),
    "pytorch_chunked": Contestant("pytorch", asked={"chunked": True}, environment=ALLOCATOR, torch=True),
    "pytorch_default_allocator": Contestant("pytorch", torch=True),
    "sgemm_tensorflow": Contestant("sgemm", asked={"library": "tensorflow"}),
    "sgemm_pytorch": Contestant("sgemm", asked={"library": "pytorch"}, environment=ALLOCATOR, torch=True),
    "gemm_bfloat16": Contestant("sgemm", asked={"library": "tensorflow", "dtype": "bfloat16"}),
}


@dataclass(frozen=True)
class Phase:
    """Contestants that take turns at one vocabulary.

    Attributes:
        vocabulary: The number of ids.
        batches: Number of batches of our buckets in a round.
        contestants: Its contestants.
        timed: Whether rounds follow the first one, which measures the memory.
    """

    vocabulary: int
    batches: int
    contestants: Sequence[str]
    timed: bool = True


@dataclass(frozen=True)
class Settings:
    """The sizes of the benchmark; its test has smaller ones.

    Attributes:
        phases: Phases by the label of the vocabulary.
        options: The trainer's options; the peers use those that they have.
        products: Number of matrix products in a round.
    """

    phases: Mapping[str, Phase] = field(
        default_factory=lambda: {
            "10k": Phase(10_000, 8, [name for name in CONTESTANTS if name not in ONLY_33K]),
            "33k": Phase(33_000, 6, [name for name in CONTESTANTS if name not in ONLY_10K]),
            "100k": Phase(100_000, 4, ["ours"], timed=False),
        }
    )
    options: TrainerOptions = field(default_factory=TrainerOptions)
    products: int = 8


def run(
    data: Path, rounds: int, contestants: Sequence[str], torch_python: str, settings: Settings, console: Console
) -> Report:
    """Measures everything.

    Args:
        data: The text, one sentence per line.
        rounds: Number of rounds that count.
        contestants: The contestants.
        torch_python: An interpreter that has PyTorch.
        settings: The sizes.
        console: The console for progress.

    Returns:
        The report.

    Raises:
        WorkerError: If a contestant cannot run.
        ValueError: If the text is too short.
    """
    machine = describe_machine()
    lines = [line.split() for line in read_lines(data)]
    phases: dict[str, dict[str, Any]] = {}
    versions: dict[str, str] = {}
    for label, phase in settings.phases.items():
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            taken = sample.write(
                lines, phase.vocabulary, settings.options.batch_tokens, phase.batches, folder / "sample.json"
            )
            console.print(f"{phase.vocabulary:,} words, {taken['tokens']:,} tokens a round")
            workers = {}
            for name in phase.contestants:
                if name in contestants:
                    workers[name] = start(name, phase.vocabulary, torch_python, folder, settings)
                    stack.callback(workers[name].close)
            measured = measure(workers, rounds if phase.timed else 0, console)
        facts = {key: taken[key] for key in ("tokens", "mean_length", "corpus_mean_length")}
        phases[label] = {"vocabulary": phase.vocabulary, **facts, "contestants": measured}
        versions |= {
            CONTESTANTS[name].asked["library"]: figures["version"]
            for name, figures in measured.items()
            if "version" in figures
        }
    figures = {"lines": len(lines), "rounds": rounds, "batch_tokens": settings.options.batch_tokens, "phases": phases}
    return Report(NAME, results.ratios(phases, settings.options), figures, {**machine, **versions})


def start(name: str, vocabulary: int, torch_python: str, folder: Path, settings: Settings) -> Worker:
    """Returns the worker of a contestant; it may still be building."""
    contestant = CONTESTANTS[name]
    own = folder / name
    own.mkdir()
    options = TrainerOptions.parse({**settings.options.model_dump(), **contestant.options})
    asked = {
        "vocabulary": vocabulary,
        "sample": str(folder / "sample.json"),
        "folder": str(own),
        "options": options.model_dump(mode="json"),
        "padded_length": sample.MOST_TOKENS,
        "most_rounds": MOST_ROUNDS,
        "products": settings.products,
        "fit": True,
        "chunked": False,
        "device": "cpu",
        "dtype": "float32",
        **contestant.asked,
    }
    return Worker(
        name,
        f"training_workers.{contestant.module}",
        json.dumps(asked),
        python=torch_python if contestant.torch else sys.executable,
        environment=contestant.environment,
    )


def measure(workers: Mapping[str, Worker], rounds: int, console: Console) -> dict[str, dict[str, Any]]:
    """Runs a round to warm up, which also measures the memory, then the rounds that count.

    Returns:
        By contestant: its first answer, `memory` (bytes: `loaded` before the first round and `peak` in it),
        `rates` (tokens or FLOPs per second of each round that counts), `other_cores` (that other processes kept busy
        in it) and the `loss` of the last round.
    """
    figures = {name: worker.answer() for name, worker in workers.items()}
    rounds_of = {name: worker.ask for name, worker in workers.items()}
    for name, answer in warm_up(rounds_of, console).items():
        figures[name]["memory"] = answer["memory"]
    for name, answers in take_turns(rounds_of, rounds, console).items():
        figures[name]["rates"] = [answer["work"] / answer["seconds"] for answer in answers]
        figures[name]["other_cores"] = [answer["other_cores"] for answer in answers]
        if answers:
            figures[name]["loss"] = answers[-1].get("loss")
    return figures


@click.command(help=__doc__)
@benchmark_options(NAME, data_required=True)
@click.option("--contestants", default=",".join(CONTESTANTS), show_default=True, help="Who takes part.")
@torch_python_option
def main(data: Path, rounds: int, output: Path, contestants: str, torch_python: str) -> None:
    """Measures, prints the tables, writes the JSON file."""
    names = contestants.split(",")
    unknown = [name for name in names if name not in CONTESTANTS]
    if unknown:
        raise click.UsageError(f"--contestants {', '.join(unknown)}: unknown; known are {', '.join(CONTESTANTS)}")
    if any(CONTESTANTS[name].torch for name in names):
        check_torch(torch_python, ", or leave PyTorch out with --contestants")
    console = Console()
    try:
        report = run(data, rounds, names, torch_python, Settings(), console)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    report.publish(results.contestants_tables(report.figures["phases"]), output, console)


if __name__ == "__main__":
    main()
