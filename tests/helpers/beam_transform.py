"""TensorFlow Transform with our preprocessing, in a Beam pipeline of its own on any runner; and the small clusters."""

import functools
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
import tfx_lm
from apache_beam.options.pipeline_options import PipelineOptions
from helpers.local_run import made_up_corpus
from tfx_lm.pipelines.beam.arguments import beam_arguments
from tfx_lm.pipelines.beam.options import BeamConfig
from tfx_lm.transform.preprocessing import preprocessing_fn
from tfx_lm.transform.vocabulary import VOCABULARY_NAME

ROOT = Path(tfx_lm.__file__).parent
OPTIONS = {"tokenizer": "word", "lowercase": True, "max_length": 40, "vocabulary": {"size": 40}}


class Transformed(NamedTuple):
    """The vocabulary's file and the Examples, sorted: their order is the runner's."""

    vocabulary: bytes
    examples: list[bytes]


def transform(folder: Path, config: BeamConfig) -> Transformed:
    """Transforms the made-up corpus into a new folder."""
    folder.mkdir()
    metadata = tft.DatasetMetadata.from_feature_spec({"text": tf.io.FixedLenFeature([], tf.string)})
    function = functools.partial(preprocessing_fn, custom_config=OPTIONS)
    options = PipelineOptions(beam_arguments(config))
    with beam.Pipeline(options=options) as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        # No function of this module, which the workers do not have.
        rows = pipeline | beam.Create([{"text": line.encode()} for line in made_up_corpus().splitlines()])
        (data, found), graph = (rows, metadata) | tft_beam.AnalyzeAndTransformDataset(function)
        coder = tft.coders.ExampleProtoCoder(found.schema)
        graph | tft_beam.WriteTransformFn(str(folder / "graph"))
        data | beam.Map(coder.encode) | beam.io.WriteToTFRecord(str(folder / "examples"))
    output = tft.TFTransformOutput(str(folder / "graph"))
    vocabulary = output.vocabulary_file_by_name(VOCABULARY_NAME)
    assert vocabulary is not None
    files = sorted(str(path) for path in folder.glob("examples*"))
    return Transformed(
        Path(vocabulary).read_bytes(),
        sorted(tf.data.TFRecordDataset(files).as_numpy_iterator()),
    )


def cluster_module() -> ModuleType:
    """The program `deploy/clusters/cluster.py`."""
    spec = importlib.util.spec_from_file_location("cluster", ROOT / "deploy" / "clusters" / "cluster.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
