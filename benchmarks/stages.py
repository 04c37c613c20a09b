"""TextExampleGen and Transform against TFX's CsvExampleGen and Transform, from lines to ids.

    make bench-stages DATA=FILE [ARGS="--words 4400000"]

The peers, each a process, run on the same lines and take turns:

    stock  CsvExampleGen, and TFX's Transform with our tokenizer and TFX's vocabulary analyzer
    ours   TextExampleGen and TextTransform

Both must write the same Examples and ids (as sets) and the same vocabulary (byte for byte), or the benchmark fails.
Beyond DATA, the text is made of its lines again, with some of the rare words replaced by new ones, so that the
vocabulary grows with the 0.6th power of the words, about as in real text. Ratios are of processor seconds and of wall
time; libraries are imported before the clock starts. Writes benchmarks/out/stages.json.
"""

import csv
import functools
import itertools
import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from shared.corpus import read_lines
from shared.options import benchmark_options
from shared.report import Report, describe_machine, figures_table
from shared.rounds import take_turns
from shared.worker import Worker

NAME = "stages"
PEERS = ("stock", "ours")
STAGES = ("example_gen", "transform")
CLOCKS = ("processor", "wall")
EVAL_SHARE = 10
# How the number of different words grows with the number of words.
_GROWTH = 0.6
_RARE = 2


def read_text(data: Path | None) -> list[str]:
    """Reads the lines that have words; refuses a file without any."""
    lines = list(read_lines(data))
    if not lines:
        raise click.ClickException(f"{data}: has no text; give a file of sentences")
    return lines


def grown(lines: Sequence[str], words: int, seed: int = 1) -> Iterator[str]:
    """Yields the lines, and then changed ones, until they have so many words."""
    counts = Counter(word for line in lines for word in line.split())
    rare = [word for word, count in counts.items() if count <= _RARE]
    chance = random.Random(seed)
    seen = 0
    for copy in itertools.count():
        number = int(len(counts) * ((copy + 1) ** _GROWTH - copy**_GROWTH)) if copy else 0
        new = {word: f"{word}x{copy}" for word in chance.sample(rare, min(number, len(rare)))}
        for line in lines:
            yield " ".join(new.get(word, word) for word in line.split())
            seen += len(line.split())
            if seen >= words:
                return


def write_lines(lines: Sequence[str], folder: Path) -> None:
    """Writes both splits, as text and as CSV."""
    for split, of_split in (("eval", lines[::EVAL_SHARE]), ("train", [*_others(lines)])):
        (folder / f"{split}.txt").write_text("".join(f"{line}\n" for line in of_split), encoding="utf-8")
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text"], *([line] for line in of_split)])


def _others(lines: Sequence[str]) -> Iterator[str]:
    return (line for number, line in enumerate(lines) if number % EVAL_SHARE)


def run_worker(peer: str, folder: Path) -> dict[str, Any]:
    """Runs a peer in a fresh process; see `stages_workers.pair`."""
    with Worker(peer, "stages_workers.pair", peer, folder) as worker:
        return worker.answer()


def summarize(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the median seconds of a peer's stages and of both together by clock, and its files' megabytes."""
    medians: dict[str, Any] = {}
    for clock in CLOCKS:
        rounds = [[answer["seconds"][stage][clock] for stage in STAGES] for answer in answers]
        medians[clock] = {
            **{stage: statistics.median(seconds[i] for seconds in rounds) for i, stage in enumerate(STAGES)},
            "both": statistics.median(map(sum, rounds)),
        }
    return {**medians, "megabytes": answers[-1]["megabytes"]}


def table(figures: Mapping[str, Any]) -> Table:
    """Returns the table of the medians."""
    shown = figures_table(["peer", "seconds"], [*STAGES, "both", "MB"])
    for peer, clock in itertools.product(PEERS, CLOCKS):
        seconds = figures[peer][clock]
        shown.add_row(peer, clock, *(f"{value:.1f}" for value in seconds.values()), f"{figures[peer]['megabytes']:.1f}")
    return shown


@click.command(help=__doc__)
@benchmark_options(NAME)
@click.option("--words", type=click.IntRange(min=1000), default=4_400_000, show_default=True, help="Words of the text.")
def main(data: Path | None, rounds: int, output: Path, words: int) -> None:
    """Measures both pairs."""
    machine, console = describe_machine(), Console()
    with tempfile.TemporaryDirectory() as name:
        lines = list(grown(read_text(data), words))
        write_lines(lines, Path(name))
        answers = take_turns({peer: functools.partial(run_worker, peer, Path(name)) for peer in PEERS}, rounds, console)
    written = [answer["written"] for of_peer in answers.values() for answer in of_peer]
    if any(one != written[0] for one in written):
        raise click.ClickException(f"the peers wrote different things: {written}")
    figures = {peer: summarize(of_peer) for peer, of_peer in answers.items()}
    ratios = {
        f"{stage}_{clock}": figures["stock"][clock][stage] / figures["ours"][clock][stage]
        for stage in (*STAGES, "both")
        for clock in CLOCKS
    }
    size = {"lines": len(lines), "words": sum(len(line.split()) for line in lines), "rounds": rounds}
    Report(NAME, ratios, {**figures, **size}, machine).publish([table(figures)], output, console)


if __name__ == "__main__":
    main()
