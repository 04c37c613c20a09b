"""The schedule: best weights, learning rate, end of training, from a made-up course of perplexities."""

import keras
import pytest
from tfx_lm.components.trainer.backup import TrainingState
from tfx_lm.components.trainer.callbacks import Schedule
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions

TINY = {"embedding_units": 2, "units": 2, "layers": 1, "dropout": 0.0, "batch_tokens": 10, "learning_rate": 0.8}


def course(perplexities, **changed):
    """Runs the schedule over the perplexities; returns it and the learning rate of each epoch."""
    options = TrainerOptions(**{**TINY, **changed})
    keras.utils.set_random_seed(1)
    schedule = Schedule(options, TrainingState())
    schedule.set_model(build_model(options, 6, 10))
    schedule.model.stop_training = False
    rates = []
    for epoch, perplexity in enumerate(perplexities):
        schedule.model.output_bias.assign([float(epoch)] * 6)
        logs = {"val_perplexity": perplexity}
        schedule.on_epoch_end(epoch, logs)
        rates.append(logs["learning_rate"])
        if schedule.model.stop_training:
            break
    return schedule, rates


def test_the_rate_is_cut_at_each_epoch_that_is_no_better():
    schedule, rates = course([9, 8, 8.5, 7, 7, 6])
    assert rates == pytest.approx([0.8, 0.8, 0.8, 0.4, 0.4, 0.2])
    assert not schedule.state.stopped


def test_a_longer_patience_waits_again_after_each_cut():
    _, rates = course([9, 10, 10, 10, 10, 10], plateau_patience=2, early_stopping_patience=9)
    assert rates == pytest.approx([0.8, 0.8, 0.8, 0.4, 0.4, 0.2])


def test_it_stops_and_remembers_the_best_epoch():
    schedule, rates = course([9, 8, 8.5, 8.1, 8, 1])
    assert len(rates) == 5
    assert schedule.state.stopped
    assert (schedule.state.best_epoch, schedule.state.best_perplexity) == (2, 8.0)
    bias = schedule.model.weights.index(schedule.model.output_bias)
    assert schedule.state.best_weights[bias].tolist() == [1.0] * 6


def test_the_first_epoch_counts_even_if_its_perplexity_overflows():
    schedule, _ = course([float("inf"), float("inf")])
    assert schedule.state.best_epoch == 1
    assert schedule.state.best_weights
