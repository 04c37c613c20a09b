"""Exports an untrained model: TRANSFORM FOLDER, twice the same if the seed is."""

import sys

import keras
from tfx_lm.model.export import export_model
from tfx_lm.model.language_model import LanguageModel
from tfx_lm.model.transform_graph import TransformGraph


def export_untrained(transform_output: str, folder: str, seed: int = 3) -> None:
    transform = TransformGraph(transform_output)
    keras.utils.set_random_seed(seed)
    model = LanguageModel(transform.vocabulary_size, embedding_units=4, units=6, layers=1)
    export_model(model, transform, {"tokenizer": "word", "lowercase": True, "max_length": 12}, folder)


if __name__ == "__main__":
    export_untrained(sys.argv[1], sys.argv[2])
