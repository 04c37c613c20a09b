from tfx_lm.components.tuner.options import TunerOptions
from tfx_lm.components.tuner.oracle import search_space
from tfx_lm.model.options import TrainerOptions


def space_of(**space):
    trainer = TrainerOptions(units=100, variational_dropout=False, optimizer="adamw")
    return search_space(TunerOptions(trials=2, space=space), trainer)


def test_the_trainers_own_value_is_one_of_them_and_the_default():
    space = space_of(units=[200, 50])
    (units,) = space.space
    assert (units.values, units.ordered, units.default) == ([50, 100, 200], True, 100)
    assert space.values == {"units": 100}


def test_texts_and_truth_values_stay_what_they_are():
    space = space_of(optimizer=["sgd"], variational_dropout=[True])
    optimizer, variational = space.space
    assert (optimizer.values, optimizer.ordered, optimizer.default) == (["adamw", "sgd"], False, "adamw")
    assert [type(value) for value in variational.values] == [bool, bool]
    assert space.values == {"optimizer": "adamw", "variational_dropout": False}


def test_an_option_of_one_value_keeps_it():
    assert space_of(units=[100], variational_dropout=[False]).values == {"units": 100, "variational_dropout": False}
