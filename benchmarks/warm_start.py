"""Warm start: training on new speeches from the model of older ones, against training from new weights.

A model is trained on the State of the Union addresses from 1961 to 2009. Then two trainings read the addresses since
2010, with the same options, vocabulary (that of the older ones and 500 new words) and held-out sentences: one starts
from that model. Each training is a process of its own; its time is the processor time of all threads, with that of
its set-up and export.

    make bench-warm_start
"""

import multiprocessing
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from shared import held_out
from shared.held_out import Lines, split_lines, transform
from shared.options import output_option, speeches_option
from shared.report import Report, describe_machine, figures_table
from tfx_lm.pipelines.demo import FIRST_YEAR, sentences

NAME = "warm_start"
FIRST_NEW_YEAR = 2010
WORDS, NEW_WORDS, MAX_LENGTH = 6000, 500, 64
TRAINER = {"embedding_units": 128, "units": 128, "layers": 1, "learning_rate": 0.004}
EPOCHS_OLD, EPOCHS_NEW = 4, 8


class Training(NamedTuple):
    """What a training reached.

    Attributes:
        seconds: Its processor time, with that of the export.
        perplexities: Validation perplexity of each epoch.
        old: Bits per byte of the held-out older sentences.
        new: Bits per byte of the held-out newer sentences.
    """

    seconds: float
    perplexities: list[float]
    old: float
    new: float


def read_speeches(folder: Path, first: int, last: int) -> Lines:
    """Returns the sentences of some years by split; every tenth, by its content, is held out."""
    of_years = (path for path in sorted(folder.glob("*.txt")) if first <= int(path.name[:4]) <= last)
    return split_lines(line for path in of_years for line in sentences(path.read_text(encoding="utf-8")))


def train(
    data: Path, config: dict[str, Any], output: Path, base: Path | None, epochs: int, scored: Sequence[Lines]
) -> Training:
    """Trains and scores; to be called in a process of its own, whose processor time it is."""
    options = {**TRAINER, "epochs": epochs}
    trained = held_out.train(data, config, output, options, base and base / "model")
    old, new = (held_out.held_out(output / "model", lines["eval"]).sums.bits_per_byte for lines in scored)
    return Training(trained.seconds, [epoch["validation_perplexity"] for epoch in trained.epochs], old, new)


def epochs_to_reach(perplexities: Sequence[float], perplexity: float) -> int | None:
    """Returns the first epoch, counted from 1, that is at least as good; None if there is none."""
    return next((epoch for epoch, reached in enumerate(perplexities, start=1) if reached <= perplexity), None)


def ratios_of(cold: Training, warm: Training) -> dict[str, float]:
    """Returns the ratios of the warm training to the cold one; an epoch of both takes the same steps.

    Args:
        cold: The training from new weights.
        warm: The training from the older model.

    Returns:
        `epochs_to_equal`: the epochs until the warm one is as good as the best of the cold one, as a share of the
        epochs that the cold one took for it (infinite if it never is); `new` and `old`: the bits per byte after all
        epochs.
    """
    best = min(cold.perplexities)
    reached = epochs_to_reach(warm.perplexities, best)
    taken = epochs_to_reach(cold.perplexities, best)
    assert taken is not None
    return {
        "epochs_to_equal": float("inf") if reached is None else reached / taken,
        "new": warm.new / cold.new,
        "old": warm.old / cold.old,
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@speeches_option
@output_option(NAME)
def main(speeches: Path, output: Path) -> None:
    """Measures a warm start."""
    machine = describe_machine()
    old, new = read_speeches(speeches, FIRST_YEAR, FIRST_NEW_YEAR - 1), read_speeches(speeches, FIRST_NEW_YEAR, 9999)
    processes = multiprocessing.get_context("spawn")
    done: dict[str, Training] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config_old = transform(folder / "old", old, {"max_length": MAX_LENGTH, "vocabulary": {"size": WORDS}})
        words = str(folder / "old" / "graph" / "transform_fn" / "assets" / "vocabulary")
        grown = {"file": words, "grow": NEW_WORDS}
        config_new = transform(folder / "new", new, {"max_length": MAX_LENGTH, "vocabulary": grown})
        for title, data, config, base, epochs in (
            ("older", "old", config_old, None, EPOCHS_OLD),
            ("cold", "new", config_new, None, EPOCHS_NEW),
            ("warm", "new", config_new, folder / "older", EPOCHS_NEW),
        ):
            with processes.Pool(1) as pool:
                arguments = (folder / data, config, folder / title, base, epochs, (old, new))
                done[title] = pool.apply(train, arguments)
    table = figures_table(["training"], ["epoch", "perplexity", "processor s", "old bpb", "new bpb"])
    for title, training in done.items():
        for epoch, perplexity in enumerate(training.perplexities, start=1):
            last = epoch == len(training.perplexities)
            cells = (f"{training.seconds:.0f}", f"{training.old:.4f}", f"{training.new:.4f}") if last else ("", "", "")
            table.add_row(title, str(epoch), f"{perplexity:.2f}", *cells)
    figures = {title: training._asdict() for title, training in done.items()}
    figures["lines"] = {
        name: {split: len(of) for split, of in lines.items()} for name, lines in (("old", old), ("new", new))
    }
    Report(NAME, ratios_of(done["cold"], done["warm"]), figures, machine).publish([table], output, Console())


if __name__ == "__main__":
    main()
