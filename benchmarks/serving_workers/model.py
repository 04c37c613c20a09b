"""The model that is served: two LSTM layers of 200 units and 10,000 words, not trained, behind a real Transform."""

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils
from tfx_lm.exported.warmup import write_warmup_requests
from tfx_lm.model.export import export_model
from tfx_lm.model.language_model import LanguageModel
from tfx_lm.model.transform_graph import TransformGraph
from tfx_lm.transform.preprocessing import preprocessing_fn

TRANSFORM = {
    "tokenizer": "word",
    "lowercase": True,
    "max_length": 64,
    "vocabulary": {"size": 10_000, "min_count": None, "file": None},
}


def build_model(lines: list[str], folder: str, units: int = 200) -> str:
    """Exports the model, with warm-up requests as the pipeline pushes it.

    Args:
        lines: The text that the vocabulary is made from.
        folder: A folder to work in.
        units: Width of the embedding and of each layer.

    Returns:
        The SavedModel's folder.
    """
    metadata = dataset_metadata.DatasetMetadata(
        schema_utils.schema_from_feature_spec({"text": tf.io.FixedLenFeature([], tf.string)})
    )
    rows = [{"text": line.encode()} for line in lines]
    with (
        beam.Pipeline("BundleBasedDirectRunner") as pipeline,
        tft_beam.Context(f"{folder}/temporary", force_tf_compat_v1=False),
    ):
        analyzed = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, TRANSFORM)
        )
        _ = analyzed | tft_beam.WriteTransformFn(f"{folder}/transform")
    transform = TransformGraph(f"{folder}/transform")
    model = LanguageModel(transform.vocabulary_size, units, units, layers=2)
    export_model(model, transform, TRANSFORM, f"{folder}/model")
    write_warmup_requests(f"{folder}/model", [line.encode() for line in lines[:64]])
    return f"{folder}/model"
