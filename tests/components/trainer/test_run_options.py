"""The options of a training: TFX's `FnArgs` in, `TrainerOptions` or an error out."""

import logging

import keras_tuner
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_lm.components.trainer.run_options import options_of_run, tuned
from tfx_lm.errors import SettingError
from tfx_lm.model.options import TrainerOptions
from tfx_lm.transform.options import TextOptions

CONFIG = {"trainer": {"units": 32, "learning_rate": 0.003}, "transform": TextOptions().model_dump(mode="json")}


def hyperparameters(**values):
    return {"space": [], "values": values}


def test_the_docstrings_example():
    fn_args = FnArgs(custom_config=CONFIG, hyperparameters=hyperparameters(learning_rate=0.0075))
    assert options_of_run(fn_args) == TrainerOptions(units=32, learning_rate=0.0075)


def test_without_hyperparameters():
    assert options_of_run(FnArgs(custom_config=CONFIG)) == TrainerOptions(units=32)


def test_what_keras_tuner_returns():
    search = keras_tuner.HyperParameters()
    search.Float("learning_rate", 1e-4, 1e-2, default=0.0075)
    search.Int("units", 8, 64, default=16)
    search.Choice("optimizer", ["adamw", "sgd"], default="sgd")
    search.Boolean("variational_dropout", default=True)
    # Hyperband adds these to each trial.
    search.values |= {"tuner/epochs": 3, "tuner/initial_epoch": 0, "tuner/trial_id": "0001"}
    assert tuned(TrainerOptions(layers=1), search.get_config()) == TrainerOptions(
        layers=1, learning_rate=0.0075, units=16, optimizer="sgd", variational_dropout=True
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"learning_rat": 0.1}, "hyperparameters: learning_rat: unknown key; did you mean learning_rate?"),
        ({"units": 0}, "hyperparameters: units=0: must be >= 1; set units"),
        ({"units": 0, "dropout": 1.5}, "hyperparameters: units=0: must be >= 1; set units\n"
                                       "dropout=1.5: must be < 1.0; set dropout"),
    ],
)  # fmt: skip
def test_a_hyperparameter_that_cannot_be_used(values, expected):
    with pytest.raises(SettingError) as caught:
        tuned(TrainerOptions(), hyperparameters(**values))
    assert str(caught.value) == expected


@pytest.mark.parametrize("given", [{}, {"learning_rate": 0.1}, [0.1], {"values": [0.1]}])
def test_a_file_that_is_no_tuners(given):
    with pytest.raises(SettingError, match=r"^hyperparameters=.*: have no 'values'; give what Keras Tuner's"):
        tuned(TrainerOptions(), given)


def test_an_option_beside_trainer_is_refused():
    with pytest.raises(SettingError, match=r"^custom_config\['epochs'\]: .* put it into custom_config\['trainer'\]$"):
        options_of_run(FnArgs(custom_config={**CONFIG, "epochs": 3}))


def test_an_incomplete_transform_is_refused_before_the_training():
    with pytest.raises(SettingError, match=r"^custom_config\['transform'\]: custom_config has no 'lowercase'"):
        options_of_run(FnArgs(custom_config={**CONFIG, "transform": {"tokenizer": "word"}}))


def test_numbers_of_steps_are_not_used(caplog):
    with caplog.at_level(logging.WARNING):
        options_of_run(FnArgs(custom_config=CONFIG, train_steps=100))
    assert caplog.messages == ["train_args.num_steps=100 is not used: an epoch is one pass over the data; set epochs"]
