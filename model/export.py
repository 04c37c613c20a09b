"""Exporting: the trained weights and the Transform graph as one SavedModel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ..exported.damage import write_sums
from ..exported.text_statistics import TextStatistics
from ..exported.token_identity import write_token_identity
from ..exported.training_origin import TrainingOrigin, write_training_origin
from .language_model import LanguageModel
from .serving_signatures import Signatures
from .stable_names import stabilize_names
from .transform_graph import TransformGraph


def export_model(
    model: LanguageModel,
    transform: TransformGraph,
    transform_config: Mapping[str, Any],
    directory: str,
    examples: str = "",
    text: TextStatistics | None = None,
    from_model: bool = False,
) -> None:
    """Saves a model that reads raw text.

    It holds plain TensorFlow operations, the weights in float32, the vocabulary as an asset, and nothing of
    the optimizer; it loads and answers where only TensorFlow is installed, on any device. The signatures
    are those of `signatures.Signatures`; the weights stand in the attribute `parameters`, by name. Equal models are
    equal files, byte by byte, wherever they are written.

    Args:
        model: The trained model.
        transform: The Transform graph that made its training data.
        transform_config: The transform's configuration: `tokenizer` and `lowercase`.
        directory: The folder to write; it is created.
        examples: Digest of the input that the model was trained on; see `TrainingOrigin`.
        text: Statistics of the lines that it was trained on.
        from_model: Whether its weights or its vocabulary came from another model.
    """
    served = model.for_serving()
    signatures = Signatures(served, transform, transform_config["tokenizer"], transform_config["lowercase"])
    module = tf.Module(name="tfx_lm")
    # The Keras layers themselves are left out: only what their graph uses is saved.
    prefix = f"{served.name}/"
    module.parameters = {weight.path.removeprefix(prefix): weight.value for weight in served.weights}
    module.transform = transform.trackable
    module.tables = signatures.tables
    tf.saved_model.save(module, directory, signatures=signatures.functions())
    stabilize_names(directory)
    write_token_identity(directory, transform_config, transform.vocabulary_path)
    cutoffs = served.architecture["adaptive_cutoffs"]
    origin = TrainingOrigin(cutoffs, examples, text, from_model, served.residual)
    write_training_origin(directory, origin)
    write_sums(directory)
