"""Throughput of the Evaluator and of a plain loop with the same model, and its memory by the number of sentences.

    make bench-evaluation [DATA=FILE] [ARGS="--model output/serving/VERSION"]

The peers, each a process, score the same examples (the lines of DATA, again and again, until they have a million
tokens) and take turns:

    evaluator  the component's own executor, from the TFRecord files to the verdict
    loop       TFRecord files, batches of 256 sentences of similar length, the `evaluate` signature, sums in NumPy

Libraries are imported and the model is loaded before the loop's clock starts; the Evaluator loads it within its time,
as in a pipeline. Prints a table, writes benchmarks/out/evaluation.json.
"""

import functools
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from shared.corpus import read_lines
from shared.examples import text, write_examples
from shared.model import build_model
from shared.options import benchmark_options, model_option
from shared.report import Report, describe_machine, figures_table
from shared.rounds import take_turns
from shared.worker import Worker

NAME = "evaluation"
PEERS = ("evaluator", "loop")
# Share of the examples for the second figure of the memory.
SMALL_SHARE = 0.1


def run_worker(peer: str, model: Path, examples: Path) -> dict[str, Any]:
    """Runs a peer in a fresh process.

    Returns:
        `seconds`, `tokens`, `perplexity` and `peak_megabytes` (of the process's life).
    """
    with Worker(peer, f"evaluation_workers.{peer}", model, examples) as worker:
        return worker.answer()


def repeat(lines: Sequence[str], tokens: int) -> Iterator[str]:
    """Yields lines repeatedly until they have so many tokens: words, and one end for each line."""
    seen = 0
    while seen < tokens:
        for line in lines:
            yield line
            seen += len(line.split()) + 1
            if seen >= tokens:
                break


def summarize(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the rates of a peer's rounds, and the other values of the last round."""
    rates = [answer["tokens"] / answer["seconds"] for answer in answers]
    return {"rates": rates, **{key: answers[-1][key] for key in ("tokens", "perplexity", "peak_megabytes")}}


def table(figures: Mapping[str, Any]) -> Table:
    """Returns the table of the medians."""
    shown = figures_table(["peer"], ["tokens/s", "slowest", "fastest", "peak MB", "perplexity"])
    for peer in PEERS:
        summary = figures[peer]
        rates = (f"{choose(summary['rates']):,.0f}" for choose in (statistics.median, min, max))
        shown.add_row(peer, *rates, f"{summary['peak_megabytes']:,.0f}", f"{summary['perplexity']:.4f}")
    return shown


@click.command(help=__doc__)
@benchmark_options(NAME)
@model_option
@click.option("--tokens", type=click.IntRange(min=1000), default=1_000_000, show_default=True, help="To be scored.")
def main(data: Path | None, rounds: int, output: Path, model: Path | None, tokens: int) -> None:
    """Measures the Evaluator."""
    machine, console = describe_machine(), Console()
    lines = read_lines(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = model or build_model(lines, folder)
        for share, amount in (("all", tokens), ("few", int(tokens * SMALL_SHARE))):
            examples = ({"text": text(line)} for line in repeat(lines, amount))
            write_examples(folder / share / "Split-eval" / "data_tfrecord-00000-of-00001.gz", examples)
        peers = {peer: functools.partial(run_worker, peer, model, folder / "all") for peer in PEERS}
        figures = {peer: summarize(answers) for peer, answers in take_turns(peers, rounds, console).items()}
        few_peak = run_worker("evaluator", model, folder / "few")["peak_megabytes"]
    evaluator, loop = (figures[peer] for peer in PEERS)
    ratios = {
        "evaluator_vs_loop": statistics.median(evaluator["rates"]) / statistics.median(loop["rates"]),
        "memory_all_vs_few": evaluator["peak_megabytes"] / few_peak,
    }
    everything = {**figures, "evaluator_few_peak_megabytes": few_peak, "rounds": rounds}
    Report(NAME, ratios, everything, machine).publish([table(figures)], output, console)


if __name__ == "__main__":
    main()
