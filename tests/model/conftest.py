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
def adaptive(corpus, build_once):
    """A model with an adaptive softmax, hardly trained; the last cutoff lies beyond the vocabulary."""
    options = {"output": "adaptive", "adaptive_cutoffs": [8, 14, 1000], "epochs": 1}
    folder = build_once("adaptive", lambda folder: run_fn(corpus.fn_args(folder, **options)))
    return tf.saved_model.load(corpus.fn_args(folder).serving_model_dir)
