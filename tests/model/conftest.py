"""Exported models, loaded once in each process."""

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.components.trainer.run_fn import run_fn


@pytest.fixture(scope="session")
def model(trained):
    """The model of the made-up corpus."""
    return tf.saved_model.load(trained.serving_model_dir)


@pytest.fixture(scope="session")
def parameters(model):
    """Its variables by name, float64."""
    return {name: variable.numpy().astype(np.float64) for name, variable in model.parameters.items()}


@pytest.fixture(scope="session")
def adaptive_directory(corpus, build_once):
    """A hardly trained model with residual connections and an adaptive softmax; the last cutoff is beyond the words."""
    options = {"output": "adaptive", "adaptive_cutoffs": [8, 14, 1000], "residual": True, "epochs": 1}
    folder = build_once("adaptive-residual", lambda folder: run_fn(corpus.fn_args(folder, **options)))
    return corpus.fn_args(folder).serving_model_dir


@pytest.fixture(scope="session")
def adaptive(adaptive_directory):
    """The same, loaded."""
    return tf.saved_model.load(adaptive_directory)
