"""Cost of each stage of a pipeline by the size of the corpus: time, memory and disk at 1, 4, 16 and 64 times a base.

    make bench-scale [ARGS="--scales 1,4,16 --stages Transform"]

At each size the pipeline is compiled and its nodes run one after the other, each by `tfx-lm run-node` in a fresh
process, then `tfx-lm bulk-score` scores the corpus with the model that was trained. So what is measured is what users
run, and memory is that of the whole process tree. Training is one epoch of a small network (one layer of 64 units, an
adaptive softmax), and a twentieth of the sentences is held out.

The corpora are mixed from the demo's speeches, see shared/growing_corpus.py; 64 times the base has 20.5 million words.

    cost      processor time per word of the corpus, beyond the smallest size: (time - time at the smallest size) /
              (words - words of the smallest size); what does not depend on the corpus, such as imports, is left out
    peak MB   largest sum of the resident sizes of all processes at one time
    disk MB   what the stage left on disk

Prints tables, writes benchmarks/out/scale.json. With all sizes and stages it takes about half an hour on 2 idle cores;
after --minutes it ends with what it has.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table
from shared.growing_corpus import Size, read_sentences, write_corpora
from shared.options import output_option, speeches_option
from shared.process_tree import CommandError, measure
from shared.report import Report, describe_machine, figures_table
from shared.worker import ON_CPU

NAME = "scale"
BASE_WORDS = 320_000
# All nodes in the order in which they run; those that need less than a second at any size are not reported.
NODES = (
    "TextExampleGen", "StatisticsGen", "SchemaGen", "Transform", "Trainer", "Baseline", "Evaluator", "Report",
    "BulkScore",
)  # fmt: skip
UNREPORTED = ("SchemaGen", "Baseline")
STAGES = tuple(name for name in NODES if name not in UNREPORTED)
# What a stage needs besides the stages before it that these need.
NEEDS = {
    "StatisticsGen": ["TextExampleGen"],
    "SchemaGen": ["StatisticsGen"],
    "Transform": ["TextExampleGen", "SchemaGen"],
    "Trainer": ["Transform"],
    "Baseline": ["Trainer"],
    "Evaluator": ["Trainer", "Baseline"],
    "Report": ["Evaluator"],
    "BulkScore": ["Trainer"],
}
# `tfx-lm` with the Python and the code of this process.
COMMAND = "from tfx_lm.cli.cli import main; main()"
HELD_OUT_PERCENT = 5
VOCABULARY = 20_000


def needed(stages: Sequence[str]) -> list[str]:
    """Returns the nodes that must run for some stages, in order."""
    found: set[str] = set()
    waiting = list(stages)
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting.extend(NEEDS.get(name, ()))
    return [name for name in NODES if name in found]


def configuration(corpus: Path, output: Path) -> dict[str, Any]:
    """Returns the configuration of a pipeline."""
    return {
        "name": NAME,
        "output": str(output),
        "data": {"files": [str(corpus)], "tokenizer": "whitespace", "eval_percent": HELD_OUT_PERCENT},
        "vocabulary": {"size": VOCABULARY},
        "trainer": {
            "embedding_units": 64,
            "units": 64,
            "layers": 1,
            "output": "adaptive",
            "epochs": 1,
            "learning_rate": 0.004,
        },
        # Whatever the model is worth, the stages after it run.
        "gate": {"max_bits_per_byte": 1000.0},
    }


class Runs:
    """The nodes of one corpus's pipeline.

    Args:
        corpus: The corpus.
        folder: A working folder.
        deadline: The time (`time.monotonic`) after which commands are ended.
    """

    def __init__(self, corpus: Path, folder: Path, deadline: float) -> None:
        self._corpus = corpus
        self._output = folder / "output"
        self._compiled = folder / "pipeline.json"
        self._folder = folder
        self._deadline = deadline
        config = folder / "pipeline.yaml"
        config.write_text(yaml.safe_dump(configuration(corpus, self._output)))
        self._command("compile", "--runner", "airflow", "--config", config, "--output", self._compiled)
        self._command("init-metadata", "--pipeline", self._compiled)

    def _command(self, *arguments: str | Path) -> dict[str, float]:
        before = disk_bytes(self._folder)
        usage = measure(
            [sys.executable, "-c", COMMAND, *map(str, arguments)],
            self._folder / "log.txt",
            max(0.0, self._deadline - time.monotonic()),
        )
        return {**usage._asdict(), "disk_megabytes": (disk_bytes(self._folder) - before) / 1e6}

    def run(self, node: str) -> dict[str, float]:
        """Runs a node; returns `Usage` and `disk_megabytes`."""
        if node == "BulkScore":
            (model,) = self._output.glob("artifacts/Trainer/model/*/Format-Serving")
            return self._command("bulk-score", model, self._corpus, "--output", self._folder / "scored")
        return self._command("run-node", "--pipeline", self._compiled, "--node", node, "--run-id", "1")


def disk_bytes(folder: Path) -> int:
    """Returns the bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def run_all(
    corpora: Mapping[int, Path], sizes: Mapping[int, Size], nodes: Sequence[str], minutes: float, console: Console
) -> Iterator[dict[str, Any]]:
    """Runs the nodes on each corpus, the smallest first.

    Yields:
        `stage`, `scale`, `words` and what `Runs.run` returns; less than all if the time is over.
    """
    deadline = time.monotonic() + 60 * minutes
    for scale, corpus in corpora.items():
        with tempfile.TemporaryDirectory() as name:
            try:
                runs = Runs(corpus, Path(name), deadline)
                for node in nodes:
                    usage = runs.run(node)
                    console.print(f"{scale}x {node}: {usage['wall_seconds']:.1f} s")
                    if node not in UNREPORTED:
                        yield {"stage": node, "scale": scale, "words": sizes[scale].words, **usage}
            except CommandError as error:
                if time.monotonic() < deadline:
                    raise click.ClickException(str(error)) from error
                console.print(f"Ended after {minutes:g} minutes; {scale}x and larger are not complete.")
                return


def with_costs(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Adds `microseconds_per_word`, beyond the smallest scale, to each row; None for that scale itself."""
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        first.setdefault(row["stage"], row)
    return [{**row, "microseconds_per_word": _slope(first[row["stage"]], row)} for row in rows]


def _slope(small: Mapping[str, Any], large: Mapping[str, Any]) -> float | None:
    if large["words"] == small["words"]:
        return None
    return 1e6 * (large["processor_seconds"] - small["processor_seconds"]) / (large["words"] - small["words"])


def ratios_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns the largest scale's cost per word and peak over those of the second scale, by stage."""
    ratios = {}
    for stage in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == stage]
        if len(own) < 3:
            continue
        second, last = own[1], own[-1]
        if second["microseconds_per_word"] <= 0:  # The cost of so few words is below the noise.
            continue
        name = f"{stage}_{last['scale']}x_vs_{second['scale']}x"
        ratios[f"{name}_cost"] = last["microseconds_per_word"] / second["microseconds_per_word"]
        ratios[f"{name}_memory"] = last["peak_megabytes"] / second["peak_megabytes"]
    return ratios


def tables(rows: Sequence[Mapping[str, Any]], sizes: Mapping[int, Size]) -> list[Table]:
    """Returns the tables of the corpora and of the stages."""
    corpora = figures_table(["corpus"], ["lines", "words", "distinct words", "MB"])
    for scale, size in sizes.items():
        corpora.add_row(
            f"{scale}x", f"{size.lines:,}", f"{size.words:,}", f"{size.distinct:,}", f"{size.megabytes:.1f}"
        )
    stages = figures_table(["stage"], ["size", "wall s", "processor s", "µs/word", "peak MB", "disk MB"])
    for row in sorted(rows, key=lambda row: STAGES.index(row["stage"])):
        cost = row["microseconds_per_word"]
        stages.add_row(
            "Trainer, 1 epoch" if row["stage"] == "Trainer" else row["stage"],
            f"{row['scale']}x",
            f"{row['wall_seconds']:,.1f}",
            f"{row['processor_seconds']:,.1f}",
            "" if cost is None else f"{cost:,.2f}",
            f"{row['peak_megabytes']:,.0f}",
            f"{row['disk_megabytes']:,.1f}",
        )
    return [corpora, stages]


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    try:
        numbers = sorted({int(item) for item in value.split(",")})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise click.BadParameter(f"{value!r}: write whole numbers, such as 1,4,16")
    return numbers


def _stages(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    names = value.split(",")
    for name in names:
        if name not in STAGES:
            raise click.BadParameter(f"{name!r}: no stage; there are {', '.join(STAGES)}")
    return names


@click.command(help=__doc__)
@click.option("--scales", default="1,4,16,64", callback=_numbers, show_default=True, help="Multiples of the base.")
@click.option(
    "--stages", default=",".join(STAGES), callback=_stages, help="Those to run, and all they need.  [default: all]"
)
@click.option("--base-words", type=click.IntRange(min=100), default=BASE_WORDS, show_default=True, help="Words at 1x.")
@click.option("--minutes", type=click.FloatRange(min=0), default=90, show_default=True, help="Then it ends.")
@speeches_option
@output_option(NAME)
def main(scales: list[int], stages: list[str], base_words: int, minutes: float, speeches: Path, output: Path) -> None:
    """Measures the stages."""
    machine, console = describe_machine(), Console()
    os.environ.update(ON_CPU)
    files = sorted(speeches.glob("*.txt"))
    if not files:
        raise click.ClickException(f"{speeches}: has no .txt file; give a folder with --speeches")
    sentences = read_sentences(files)
    if not sentences:
        raise click.ClickException(f"{speeches}: its .txt files have no text; give another folder with --speeches")
    with tempfile.TemporaryDirectory() as name:
        corpora = {scale: Path(name) / f"corpus-{scale}.txt" for scale in scales}
        by_words = write_corpora(sentences, {scale * base_words: corpus for scale, corpus in corpora.items()})
        sizes = {scale: by_words[scale * base_words] for scale in scales}
        measured, failure = [], None
        try:
            for row in run_all(corpora, sizes, needed(stages), minutes, console):
                measured.append(row)  # One by one, so that a failure after an hour does not cost that hour.
        except click.ClickException as error:
            failure = error
    rows = with_costs(measured)
    figures = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "corpora": {str(scale): size._asdict() for scale, size in sizes.items()},
        "rows": rows,
    }
    Report(NAME, ratios_of(rows), figures, machine).publish(tables(rows, sizes), output, console)
    if failure is not None:
        raise failure


if __name__ == "__main__":
    main()
