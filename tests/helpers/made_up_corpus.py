"""A made-up corpus, through the real Transform, trained once for all tests of this folder."""

import random
import types

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx_lm.components.trainer.run_fn import run_fn
from tfx_lm.model.text_transform import TextTransform
from tfx_lm.transform.preprocessing import preprocessing_fn

TRANSFORM_CONFIG = {
    "tokenizer": "word",
    "lowercase": True,
    "max_length": 12,
    "vocabulary": {"size": 24, "min_count": None, "file": None},
}
TRAINER_CONFIG = {
    "embedding_units": 12,
    "units": 24,
    "layers": 2,
    "dropout": 0.1,
    "variational_dropout": False,
    "tied_embedding": True,
    "output": "full",
    "adaptive_cutoffs": [8],
    "precision": "float32",
    "distribution": "auto",
    "batch_tokens": 200,
    "epochs": 5,
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "weight_decay": 0.0,
    "schedule": "plateau",
    "warmup_steps": 0,
    "clip_norm": 1.0,
    "plateau_patience": 1,
    "plateau_factor": 0.5,
    "early_stopping_patience": 3,
    "seed": 1,
}


def made_up_lines(count, seed):
    """Sentences in which most words follow from the ones before."""
    pick = random.Random(seed).choice
    lines = []
    for _ in range(count):
        line = f"{pick(['The cat', 'A dog', 'My sister', 'The old king'])} {pick(['sees', 'likes', 'eats'])}"
        line += f" {pick(['a fish', 'the sun', 'an apple, slowly', 'bread and butter', 'a zebra'])}."
        lines.append(line if pick(range(10)) else f"{line} {line}")
    return lines


class Corpus:
    """The corpus at each stage: `lines` of both splits, the Transform's output, the transformed examples."""

    def __init__(self, folder):
        self.transform_output = str(folder / "transform")
        self.lines = {"train": made_up_lines(600, 1), "eval": made_up_lines(120, 2)}
        # The schema has a second column, as a corpus of another ExampleGen may.
        spec = {"text": tf.io.FixedLenFeature([], tf.string), "year": tf.io.VarLenFeature(tf.int64)}
        metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
        rows = [{"text": line.encode(), "year": [1900]} for line in self.lines["train"]]
        with (
            beam.Pipeline("BundleBasedDirectRunner") as pipeline,
            tft_beam.Context(str(folder / "temporary"), force_tf_compat_v1=False),
        ):
            analyzed = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
                lambda inputs: preprocessing_fn(inputs, TRANSFORM_CONFIG)
            )
            analyzed | tft_beam.WriteTransformFn(self.transform_output)
        transform = TextTransform(self.transform_output)
        self.vocabulary_size = transform.vocabulary_size
        self.ids = {split: transform.ids(tf.constant(lines)).to_list() for split, lines in self.lines.items()}
        self.patterns = {}
        for split, rows in self.ids.items():
            (folder / split).mkdir()
            _write_examples(folder / split / "examples-00000-of-00001.gz", rows)
            self.patterns[split] = [str(folder / split / "*")]

    def fn_args(self, folder, backup_directory=None, **trainer):
        """What TFX would call `run_fn` with."""
        config = {"trainer": {**TRAINER_CONFIG, **trainer}, "transform": TRANSFORM_CONFIG}
        if backup_directory:
            config["backup_directory"] = str(backup_directory)
        return types.SimpleNamespace(
            train_files=self.patterns["train"],
            eval_files=self.patterns["eval"],
            transform_output=self.transform_output,
            model_run_dir=str(folder / "run"),
            serving_model_dir=str(folder / "model"),
            custom_config=config,
        )


def _write_examples(path, rows):
    """Writes rows of ids as a compressed TFRecord file of transformed examples."""
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row in rows:
            ids = tf.train.Feature(int64_list=tf.train.Int64List(value=row))
            features = tf.train.Features(feature={"ids": ids})
            writer.write(tf.train.Example(features=features).SerializeToString())


@pytest.fixture(scope="session")
def write_examples():
    """The function that writes transformed examples."""
    return _write_examples


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """The corpus, transformed."""
    return Corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def trained(corpus, tmp_path_factory):
    """The `fn_args` of a finished training."""
    fn_args = corpus.fn_args(tmp_path_factory.mktemp("trained"))
    run_fn(fn_args)
    return fn_args
