"""Model to serve and to evaluate: the trainer's default size, untrained, with a real Transform."""

from pathlib import Path

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx_lm.exported.warmup import write_warmup_requests
from tfx_lm.model.export import export_model
from tfx_lm.model.language_model import LanguageModel
from tfx_lm.model.options import TrainerOptions
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.options import TextOptions
from tfx_lm.transform.preprocessing import preprocessing_fn

DEFAULT_TEXT = TextOptions(max_length=64)


def build_model(lines: list[str], folder: Path, text_options: TextOptions = DEFAULT_TEXT) -> Path:
    """Exports the model, with warm-up requests as the pipeline pushes it.

    Args:
        lines: The text of the vocabulary.
        folder: A working folder.
        text_options: How the text becomes ids.

    Returns:
        The SavedModel's folder.
    """
    config = text_options.model_dump(mode="json")
    metadata = dataset_metadata.DatasetMetadata(
        schema_utils.schema_from_feature_spec({"text": tf.io.FixedLenFeature([], tf.string)})
    )
    rows = [{"text": line.encode()} for line in lines]
    with (
        beam.Pipeline("BundleBasedDirectRunner") as pipeline,
        tft_beam.Context(f"{folder}/temporary", force_tf_compat_v1=False),
    ):
        analyzed = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, config)
        )
        _ = analyzed | tft_beam.WriteTransformFn(f"{folder}/transform")
    transform = TransformGraph(f"{folder}/transform")
    options = TrainerOptions()
    model = LanguageModel(transform.vocabulary_size, options.embedding_units, options.units, options.layers)
    export_model(model, transform, config, f"{folder}/model")
    write_warmup_requests(f"{folder}/model", [line.encode() for line in lines[:64]])
    return Path(folder, "model")
