"""The same training in bfloat16 and compiled by XLA, both on a processor."""

import numpy as np
import pytest
import tensorflow as tf
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.replica_batches import fill
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.padding import pad_batch

pytestmark = pytest.mark.slow

OPTIONS = TrainerOptions(
    embedding_units=8, units=12, layers=2, dropout=0.0, variational_dropout=False, tied_embedding=True, output="full",
    adaptive_cutoffs=(), precision="float32", distribution="one_device", batch_tokens=40, epochs=1, optimizer="adamw",
    learning_rate=0.02, weight_decay=0.0, schedule="plateau", warmup_steps=0, clip_norm=1.0, plateau_patience=1,
    plateau_factor=0.5, early_stopping_patience=1, seed=1,
)  # fmt: skip
ROWS = [[7, 9, 3], [4, 3], [5, 6, 7, 8, 3], [3]]
BATCH = pad_batch(tf.ragged.constant(ROWS, tf.int64))


def small_model(**options):
    model = build_model(OPTIONS.model_copy(update=options), 10, 10)
    generator = np.random.default_rng(1)
    model.set_weights([generator.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return model


def losses(model, steps):
    """The loss of each step, before it."""
    found = []
    for _ in range(steps):
        model.reset_metrics()
        found.append(float(model.train_step(BATCH)["loss"]))
    return found


@pytest.mark.parametrize("options", [{}, {"tied_embedding": False}, {"residual": True, "embedding_units": 12}])
def test_bfloat16_trains_like_float32(options):
    exact, thin = (small_model(precision=precision, **options) for precision in ("float32", "bfloat16"))
    hidden = thin.hidden(BATCH.inputs)
    assert hidden.dtype == tf.bfloat16
    assert thin.softmax.log_probabilities(hidden).dtype == tf.float32
    sums = thin.softmax.loss_sums(hidden, BATCH.targets, BATCH.mask)
    assert sums.nll.dtype == sums.tokens.dtype == tf.float32
    assert all(variable.dtype == "float32" for variable in [*thin.weights, *thin.optimizer.variables[2:]])
    assert float(thin.test_step(BATCH)["loss"]) == pytest.approx(float(exact.test_step(BATCH)["loss"]), rel=0.02)
    fallen = losses(thin, 5)
    np.testing.assert_allclose(fallen, losses(exact, 5), rtol=0.02)
    assert fallen == sorted(fallen, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{}, {"tied_embedding": False, "residual": True}])
def test_xla_takes_the_same_steps(kind):
    # As under a TPU: the graph does not know the shapes, and 2 rows and 3 steps are padding throughout.
    batches = tf.data.Dataset.from_tensor_slices(tf.ragged.constant([ROWS], tf.int64)).map(pad_batch)
    filled = batches.map(lambda batch: fill(batch, Buckets((8,), (6,), 1, 0.0)))
    assert filled.element_spec.mask.shape.as_list() == [None, None]
    assert next(iter(filled)).mask.shape == (6, 8)
    # With a large learning rate, none of the gradient's digits is lost in the weights.
    options = {"optimizer": "sgd", "learning_rate": 1024.0, "clip_norm": 1e9, **kind}
    plain, compiled = small_model(**options), small_model(**options)
    compiled.compile(optimizer=compiled.optimizer, jit_compile=True)
    before = plain.get_weights()
    for model in (plain, compiled):
        assert model.static_shapes == (model is compiled)
        model.fit(batches if model is plain else filled, shuffle=False, verbose=0)
    assert float(compiled.perplexity.result()["tokens"]) == 11.0
    assert float(compiled.perplexity.result()["loss"]) == pytest.approx(
        float(plain.perplexity.result()["loss"]), rel=1e-6
    )
    for old, mine, other in zip(before, compiled.get_weights(), plain.get_weights(), strict=True):
        gradient = (old - other) / 1024
        assert np.linalg.norm((old - mine) / 1024 - gradient) <= 1e-5 * np.linalg.norm(gradient)
    logs = compiled.evaluate(filled, verbose=0, return_dict=True)
    assert logs["tokens"] == 11.0
    assert logs["loss"] == pytest.approx(float(compiled.test_step(BATCH)["loss"]), rel=1e-5)
