import pytest
from keras_tuner.engine import base_tuner
from tfx_lm.components.tuner.options import TunerOptions
from tfx_lm.components.tuner.oracle import PERPLEXITY, combinations, make_oracle, search_space
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


class Search(base_tuner.BaseTuner):
    """Trains nothing: the perplexity rises with the units."""

    def run_trial(self, trial):
        return {PERPLEXITY: float(trial.hyperparameters.values["units"])}


# Keras Tuner 1.4 names threads as Python 3.9 did.
@pytest.mark.filterwarnings("ignore:currentThread:DeprecationWarning:keras_tuner")
@pytest.mark.filterwarnings("ignore:getName:DeprecationWarning:keras_tuner")
# Its Gaussian process meets bounds with few trials.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("algorithm", "units"), [("random", 30), ("bayesian", 3)])
def test_a_search_ends_when_all_combinations_are_tried(tmp_path, algorithm, units):
    space = {"units": range(1, units + 1), "variational_dropout": [False, True], "layers": [1]}
    options = TunerOptions(trials=100, space=space, algorithm=algorithm)
    oracle = make_oracle(options, TrainerOptions(units=1, layers=1))
    oracle.verbose = 0
    Search(oracle, directory=str(tmp_path), project_name="search").search()
    tried = [tuple(trial.hyperparameters.values.items()) for trial in oracle.trials.values()]
    assert len(tried) == len(set(tried)) == combinations(oracle.hyperparameters) == 2 * units
