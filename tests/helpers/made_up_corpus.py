"""A made-up corpus, through the real Transform, trained once for all tests."""

import random
import types
from typing import Any

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from helpers.examples import ids_example, write_records
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.model.options import TrainerOptions
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.preprocessing import preprocessing_fn

TRANSFORM_CONFIG = TextOptions(max_length=12, vocabulary={"size": 24}).model_dump(mode="json")
TRAINER_CONFIG = TrainerOptions(
    embedding_units=12,
    units=24,
    dropout=0.1,
    adaptive_cutoffs=(8,),
    batch_tokens=200,
    epochs=5,
    learning_rate=0.02,
    ema_momentum=0.9,
).model_dump(mode="json")


def made_up_lines(count, seed):
    """Sentences in which most words follow from the ones before."""
    pick = random.Random(seed).choice
    lines = []
    for _ in range(count):
        line = f"{pick(['The cat', 'A dog', 'My sister', 'The old king'])} {pick(['sees', 'likes', 'eats'])}"
        line += f" {pick(['a fish', 'the sun', 'an apple, slowly', 'bread and butter', 'a zebra'])}."
        lines.append(line if pick(range(10)) else f"{line} {line}")
    return lines


LINES = {"train": made_up_lines(600, 1), "eval": made_up_lines(120, 2)}


def _make_corpus(folder):
    """Runs the Transform and writes the transformed examples of both splits."""
    transform_output = str(folder / "transform")
    # The schema has a second column, as a corpus of another ExampleGen may.
    spec = {"text": tf.io.FixedLenFeature([], tf.string), "year": tf.io.VarLenFeature(tf.int64)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    rows = [{"text": line.encode(), "year": [1900]} for line in LINES["train"]]
    with (
        beam.Pipeline("BundleBasedDirectRunner") as pipeline,
        tft_beam.Context(str(folder / "temporary"), force_tf_compat_v1=False),
    ):
        analyzed = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, TRANSFORM_CONFIG)
        )
        analyzed | tft_beam.WriteTransformFn(transform_output)
    transform = TransformGraph(transform_output)
    for split, lines in LINES.items():
        (folder / split).mkdir()
        rows = transform.ids(tf.constant(lines)).to_list()
        _write_examples(folder / split / "examples-00000-of-00001.gz", rows)


class Corpus:
    """The corpus at each stage: `lines` of both splits, the Transform's output, the transformed examples."""

    def __init__(self, folder):
        self.lines = LINES
        self.transform_output = str(folder / "transform")
        transform = TransformGraph(self.transform_output)
        self.vocabulary_size = transform.vocabulary_size
        self.ids = {split: transform.ids(tf.constant(lines)).to_list() for split, lines in LINES.items()}
        self.patterns = {split: [str(folder / split / "*")] for split in LINES}

    def fn_args(self, folder, backup_directory=None, **trainer):
        """What TFX would call `run_fn` with."""
        config: dict[str, Any] = {"trainer": {**TRAINER_CONFIG, **trainer}, "transform": TRANSFORM_CONFIG}
        if backup_directory:
            config["backup_directory"] = str(backup_directory)
        return types.SimpleNamespace(
            train_files=self.patterns["train"],
            eval_files=self.patterns["eval"],
            transform_output=self.transform_output,
            train_steps=None,
            eval_steps=None,
            model_run_dir=str(folder / "run"),
            serving_model_dir=str(folder / "model"),
            base_model=None,
            hyperparameters=None,
            custom_config=config,
        )


def _write_examples(path, rows):
    """Writes rows of ids as a compressed TFRecord file of transformed examples."""
    write_records(path, map(ids_example, rows))


@pytest.fixture(scope="session")
def write_examples():
    """The function that writes transformed examples."""
    return _write_examples


@pytest.fixture(scope="session")
def corpus(build_once):
    """The corpus, transformed."""
    return Corpus(build_once("corpus", _make_corpus))


@pytest.fixture(scope="session")
def trained(corpus, build_once):
    """The `fn_args` of a finished training."""
    return corpus.fn_args(build_once("trained", lambda folder: run_fn(corpus.fn_args(folder))))
