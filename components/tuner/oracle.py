"""Oracle of a search: which values it tries next."""

from __future__ import annotations

import itertools
import math
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from ...model.options import TrainerOptions
from .options import TunerOptions

PERPLEXITY = "validation_perplexity"


class _OwnValuesFirst(keras_tuner.Oracle):
    """Starts with the default of each hyperparameter, and tries each combination once; to be mixed into an oracle."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial and its status, as Keras Tuner's oracles do."""
        if not self.trials:
            defaults = {hyperparameter.name: hyperparameter.default for hyperparameter in self.hyperparameters.space}
            return {"status": TrialStatus.RUNNING, "values": defaults}
        tried = [trial.hyperparameters.values for trial in self.trials.values()]
        # A Gaussian process that is sure of the best combination proposes it again, which would teach nothing.
        for populate in (super().populate_space, self._populate_at_random):
            proposed: dict[str, Any] = populate(trial_id)
            if proposed["status"] == TrialStatus.RUNNING and proposed["values"] not in tried:
                return proposed
        # Keras Tuner's random search gives up after 21 combinations that were tried, though others may be left.
        names = [hyperparameter.name for hyperparameter in self.hyperparameters.space]
        for combination in itertools.product(*(hyperparameter.values for hyperparameter in self.hyperparameters.space)):
            values = dict(zip(names, combination, strict=True))
            if values not in tried:
                return {"status": TrialStatus.RUNNING, "values": values}
        return {"status": TrialStatus.STOPPED, "values": None}

    def _populate_at_random(self, trial_id: str) -> dict[str, Any]:
        proposed: dict[str, Any] = keras_tuner.oracles.RandomSearchOracle.populate_space(self, trial_id)
        return proposed


class _Bayesian(_OwnValuesFirst, keras_tuner.oracles.BayesianOptimizationOracle):
    """Random combinations, then those that a Gaussian process proposes."""


class _Random(_OwnValuesFirst, keras_tuner.oracles.RandomSearchOracle):
    """Random combinations."""


def make_oracle(options: TunerOptions, trainer: TrainerOptions) -> keras_tuner.Oracle:
    """Returns the oracle of a search. The same results of its trials lead it to the same trials.

    Args:
        options: The options of the search.
        trainer: The options of the trainer; its values of the options that are tried are the first trial.
    """
    make = _Bayesian if options.algorithm == "bayesian" else _Random
    return make(
        objective=keras_tuner.Objective(PERPLEXITY, "min"),
        max_trials=options.trials,
        hyperparameters=search_space(options, trainer),
        allow_new_entries=False,
        # 0 would be another one each time.
        seed=trainer.seed + 1,
        # All of them may diverge, which the executor says.
        max_consecutive_failed_trials=options.trials + 1,
    )


def search_space(options: TunerOptions, trainer: TrainerOptions) -> keras_tuner.HyperParameters:
    """Returns Keras Tuner's space: the values of each option, in order, and the trainer's own as the default."""
    space = keras_tuner.HyperParameters()
    for name, listed in options.space.items():
        own = getattr(trainer, name)
        values = sorted({*listed, own})
        if len(values) == 1:
            space.Fixed(name, own)
        elif isinstance(own, bool):
            # `Choice` would make whole numbers of them.
            space.Boolean(name, default=own)
        else:
            space.Choice(name, values, default=own)
    return space


def combinations(space: keras_tuner.HyperParameters) -> int:
    """Returns how many combinations of values a space has."""
    return math.prod(len(hyperparameter.values) for hyperparameter in space.space)
