"""Words per second of `tfx-lm score` and `tfx-lm compare`, and of loops in PyTorch over the same models.

    make bench-scoring [DATA=FILE]

The peers, each a process, read the same file of lines (those of DATA, again and again) and take turns:

    score            what `tfx-lm score` does, without its start: lines, the signature `score`, a JSON line for each
    pytorch_score    the same in PyTorch: split, ids by a dictionary, sentences of similar length in batches, `no_grad`
    compare          what `tfx-lm compare` does, without its start: both models' scores of each line, and their slices
    pytorch_compare  both models' nats of each line in PyTorch, and the difference with its 95 % interval

All have the same weights (the two models that are compared, too), and the benchmark fails unless they find the same
tokens and perplexity. Tokens are those of the text, which `compare` scores twice. Prints a table,
writes benchmarks/out/scoring.json.
"""

import functools
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf
from evaluation import repeat
from rich.console import Console
from rich.table import Table
from shared.corpus import read_lines
from shared.model import build_model
from shared.options import benchmark_options
from shared.pytorch import ALLOCATOR, check_torch, torch_python_option
from shared.report import Report, describe_machine, figures_table
from shared.rounds import take_turns, warm_up
from shared.worker import Worker
from tfx_lm.transform.options import TextOptions

NAME = "scoring"
WORKS = ("score", "compare")
# Words are what white space divides, which takes PyTorch's side one call.
TEXT_OPTIONS = TextOptions(tokenizer="whitespace", lowercase=False, max_length=1000)
# Largest relative difference of the perplexities.
EQUAL = 1e-4


def write_weights(model: Path, path: Path) -> None:
    """Writes the arrays of a SavedModel as `embedding`, `output_bias`, `lstm_0_kernel` and so on."""
    variables = tf.train.load_checkpoint(str(model / "variables" / "variables"))
    arrays = {}
    for name in variables.get_variable_to_shape_map():
        if not name.startswith("parameters/"):
            continue
        key = name.split("/")[1].replace(".S", "_").replace("_lstm_cell", "").replace("_embeddings", "")
        arrays[key] = variables.get_tensor(name)
    np.savez(path, **arrays)


def check_equal(answers: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Fails unless all peers scored the same tokens with the same perplexity of each model.

    Raises:
        click.ClickException: They did not.
    """
    each = {
        (answer["tokens"], perplexity)
        for of_peer in answers.values()
        for answer in of_peer
        for perplexity in answer["perplexities"]
    }
    tokens, perplexities = {token for token, _ in each}, [perplexity for _, perplexity in each]
    if len(tokens) > 1 or max(perplexities) > (1 + EQUAL) * min(perplexities):
        raise click.ClickException(f"the peers did not score alike: (tokens, perplexity) are {sorted(each)}")


def table(figures: Mapping[str, Any]) -> Table:
    """Returns the table of the medians."""
    shown = figures_table(["peer"], ["tokens/s", "slowest", "fastest", "perplexity"])
    for peer, summary in figures.items():
        rates = (f"{choose(summary['rates']):,.0f}" for choose in (statistics.median, min, max))
        shown.add_row(peer, *rates, f"{summary['perplexity']:.4f}")
    return shown


@click.command(help=__doc__)
@benchmark_options(NAME)
@click.option("--tokens", type=click.IntRange(min=1000), default=1_000_000, show_default=True, help="To be scored.")
@torch_python_option
def main(data: Path | None, rounds: int, output: Path, tokens: int, torch_python: str) -> None:
    """Measures the scoring of lines and the comparison of two models."""
    check_torch(torch_python)
    machine, console = describe_machine(), Console()
    lines = read_lines(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = build_model(lines, folder, TEXT_OPTIONS)
        text, weights = folder / "lines.txt", folder / "weights.npz"
        text.write_text("".join(f"{line}\n" for line in repeat(lines, tokens)), encoding="utf-8")
        write_weights(model, weights)
        vocabulary = folder / "transform" / "transform_fn" / "assets" / "vocabulary"
        with (
            Worker("score", "scoring_workers.ours", model, text) as ours,
            Worker(
                "pytorch", "scoring_workers.pytorch", weights, vocabulary, text,
                python=torch_python, environment=ALLOCATOR,
            ) as theirs,
        ):  # fmt: skip
            peers = {
                name: functools.partial(worker.ask, work=work)
                for work in WORKS
                for name, worker in ((work, ours), (f"pytorch_{work}", theirs))
            }
            warm_up(peers, console)
            answers = take_turns(peers, rounds, console)
    check_equal(answers)
    figures = {
        peer: {
            "rates": [answer["tokens"] / answer["seconds"] for answer in of_peer],
            "tokens": of_peer[-1]["tokens"],
            "perplexity": of_peer[-1]["perplexities"][0],
        }
        for peer, of_peer in answers.items()
    }
    medians = {peer: statistics.median(summary["rates"]) for peer, summary in figures.items()}
    ratios = {f"{work}_vs_pytorch": medians[work] / medians[f"pytorch_{work}"] for work in WORKS}
    Report(NAME, ratios, {**figures, "rounds": rounds}, machine).publish([table(figures)], output, console)


if __name__ == "__main__":
    main()
