"""The average of the weights: its numbers, when it is updated, and what is validated, kept and exported."""

import numpy as np
import pytest
from tfx_lm.components.trainer.averaging import Averaging, WeightAverage
from tfx_lm.components.trainer.backup import Backup, TrainingState
from tfx_lm.components.trainer.callbacks import Schedule
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions

OPTIONS = TrainerOptions(embedding_units=2, units=2, layers=1, dropout=0.0, batch_tokens=10, ema_momentum=0.5)


def model_and_average(**options):
    model = build_model(OPTIONS.model_copy(update=options), 6, 10)
    return model, WeightAverage(model, OPTIONS.ema_momentum)


def give(model, value):
    """Makes every weight that value."""
    model.set_weights([np.full(weight.shape, value, np.float32) for weight in model.get_weights()])


def assert_all(values, value):
    assert values
    for each in values:
        np.testing.assert_allclose(each, value, rtol=1e-6)


def test_the_average_of_known_weights():
    """The worked examples of the class; then two steps at once."""
    model, average = model_and_average()
    for step, last, weight, expected in [
        (1, 0, 1.0, 1.0), (2, 1, 2.0, 2 - 3 / 22),
        (100, 0, 1.0, 1.0), (101, 100, 2.0, 1.5), (102, 101, 3.0, 2.25), (104, 102, 9.0, 0.25 * 2.25 + 0.75 * 9.0),
    ]:  # fmt: skip
        give(model, weight)
        average.update(step, last)
        assert_all(average.values(), expected)
        assert_all(model.get_weights(), weight)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_average_is_kept_in_float32_and_swapped_bit_for_bit(precision):
    model, average = model_and_average(precision=precision)
    average.update(1, 0)
    values, trained = average.values(), [weight + np.float32(1e-7) for weight in model.get_weights()]
    assert {value.dtype for value in values} == {np.dtype("float32")}
    model.set_weights(trained)
    for expected in (values, trained):
        average.swap()
        for mine, other in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("batches", "updates"),
    [(3, [(3, 0), (6, 3)]), (8, [(8, 0), (16, 8)]), (18, [(8, 0), (16, 8), (18, 16), (26, 18), (34, 26), (36, 34)])],
)
def test_updates_are_counted_in_steps_and_each_epoch_ends_with_one(batches, updates):
    done = []

    class Average:
        def update(self, step, last):
            done.append((step, last))

    state = TrainingState()
    averaging = Averaging(Average(), batches, state)
    for state.epochs_done in (0, 1):
        for state.batches_done in range(1, batches + 1):
            averaging.on_train_batch_end(state.batches_done - 1, {})
    assert done == updates


def test_validation_and_the_best_weights_are_those_of_the_average():
    model, average = model_and_average()
    state = TrainingState()
    averaging, schedule = Averaging(average, 1, state), Schedule(OPTIONS, state, average)
    for callback in (averaging, schedule):
        callback.set_model(model)
    for epoch, expected in enumerate([2.0, 1 + 3 / 22]):
        give(model, 2.0 - epoch)
        state.batches_done = 1
        averaging.on_train_batch_end(0, {})
        averaging.on_test_begin({})
        assert_all(model.get_weights(), expected)
        averaging.on_test_end({})
        schedule.on_epoch_end(epoch, {"val_perplexity": 9.0 - epoch})
        assert_all(state.best_weights, expected)
        assert_all(model.get_weights(), 2.0 - epoch)


def test_the_backup_has_the_average(tmp_path):
    model, average = model_and_average()
    give(model, 3.0)
    average.update(1, 0)
    give(model, 5.0)
    Backup(str(tmp_path), {}).save(model, TrainingState(epochs_done=1))
    other, restored = model_and_average()
    assert Backup(str(tmp_path), {}).restore(other).epochs_done == 1
    assert_all(restored.values(), 3.0)
    assert_all(other.get_weights(), 5.0)
