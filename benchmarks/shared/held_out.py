"""Lines of text to a trained and scored model, without a pipeline: what the benchmarks of quality share."""

import json
import resource
import types
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.exported import CorpusScore, load, score
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.preprocessing import preprocessing_fn

from .examples import integers, write_examples

Lines = Mapping[str, Sequence[str]]


class Trained(NamedTuple):
    """A training.

    Attributes:
        seconds: Its processor time, with that of set-up and export.
        epochs: What `training.json` tells of each epoch.
    """

    seconds: float
    epochs: Sequence[Mapping[str, Any]]


def split_lines(lines: Iterable[str]) -> Lines:
    """Returns the lines of each split; every tenth, by its content, is held out as `eval`."""
    splits: dict[str, list[str]] = {"train": [], "eval": []}
    for line in lines:
        splits["train" if zlib.crc32(line.encode()) % 10 else "eval"].append(line)
    return splits


def transform(folder: Path, lines: Lines, options: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a Transform graph and the ids of both splits below a folder; returns all of the options.

    Args:
        folder: Gets the folders `graph`, `train` and `eval`.
        lines: The text.
        options: Those of `TextOptions` that differ from its defaults.
    """
    config = TextOptions.parse(options).model_dump(mode="json")
    metadata = tft.DatasetMetadata.from_feature_spec({"text": tf.io.FixedLenFeature([], tf.string)})
    rows = [{"text": line.encode()} for line in lines["train"]]
    with beam.Pipeline("BundleBasedDirectRunner") as pipeline, tft_beam.Context(str(folder / "temporary")):
        graph = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, config)
        )
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    write_ids(folder, folder / "graph", lines)
    return config


def write_ids(folder: Path, graph: Path, lines: Lines) -> None:
    """Writes the ids of both splits below a folder.

    Args:
        folder: Gets the folders `train` and `eval`.
        graph: The Transform graph.
        lines: The text.
    """
    ids = TransformGraph(str(graph))
    for split, of_split in lines.items():
        (folder / split).mkdir(parents=True)
        write_examples(
            folder / split / "ids.gz",
            ({"ids": integers(row)} for begin in range(0, len(of_split), 1000)
             for row in ids.ids(tf.constant(of_split[begin : begin + 1000])).to_list()),
        )  # fmt: skip


def sample(lines: Lines, share: int) -> Lines:
    """Returns every so many lines of each split."""
    return {split: of_split[::share] for split, of_split in lines.items()}


def epochs_in(seconds: float, once: float, twice: float, share: int) -> int:
    """Returns how many epochs fit into a time.

    Args:
        seconds: The time.
        once: Seconds of one epoch on a sample.
        twice: Seconds of two epochs on it, so that what is done once does not count.
        share: What part of all lines the sample is.

    Returns:
        At least 1. Example: with 2 s for one epoch of a tenth and 3 s for two, 100 s hold 10 epochs.
    """
    return max(1, round(seconds / ((twice - once) * share)))


def train(
    data: Path, config: dict[str, Any], output: Path, trainer: Mapping[str, Any], base_model: Path | None = None
) -> Trained:
    """Trains a model and exports it to the folder `model` of the output; call it in a process of its own.

    Args:
        data: What `transform` wrote.
        config: What it returned.
        output: Where to.
        trainer: Options of the trainer.
        base_model: The model to start from.
    """
    before = resource.getrusage(resource.RUSAGE_SELF)
    run_fn(
        types.SimpleNamespace(
            train_files=[str(data / "train" / "*")], eval_files=[str(data / "eval" / "*")], train_steps=None,
            eval_steps=None, transform_output=str(data / "graph"), model_run_dir=str(output / "run"),
            serving_model_dir=str(output / "model"), base_model=base_model and str(base_model), hyperparameters=None,
            custom_config={"trainer": dict(trainer), "transform": config},
        )
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_SELF)
    epochs = json.loads((output / "run" / "training.json").read_text())["epochs"]
    return Trained(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, epochs)


def held_out(model: Path, lines: Sequence[str]) -> CorpusScore:
    """Returns the score of a model on lines."""
    total = CorpusScore.empty()
    for line in score(load(str(model)), [text.encode() for text in lines]):
        total += CorpusScore.from_line(line)
    return total
