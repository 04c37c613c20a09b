"""Results of a search, as the Tuner's outputs have them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import SettingError, escape

# In `tuner_results`, beside TFX's `tuner_results.json`, which leaves failed trials out.
TRIALS_FILE = "trials.json"


def read_trials(tuner_results_uri: str, name_of: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """Reads all trials of a search.

    Args:
        tuner_results_uri: The folder of the artifact `tuner_results`.
        name_of: Returns the name of a setting in a failure.

    Returns:
        For each trial, in their order, its `values` by option of the trainer; its `perplexity`, the lowest validation
        perplexity, None if it failed; its `failure`, why, or None; and its `seconds`.

    Raises:
        SettingError: The folder has no such file, as that of TFX's Tuner.
        ValueError: The file is damaged.
    """
    import tensorflow as tf  # Late: the process of a local run prints trials, and reads none.

    try:
        with tf.io.gfile.GFile(f"{tuner_results_uri}/{TRIALS_FILE}") as file:
            trials: list[dict[str, Any]] = json.load(file)
    except tf.errors.NotFoundError as error:
        raise SettingError(
            f"{{tuner_results}}={escape(tuner_results_uri)}: has no {TRIALS_FILE}; give the output of a MaskedTuner"
        ) from error
    except ValueError as error:
        raise ValueError(f"{tuner_results_uri}/{TRIALS_FILE}: is damaged; run MaskedTuner again") from error
    return [
        {**trial, "failure": trial["failure"] and SettingError(trial["failure"]).with_names(name_of)}
        for trial in trials
    ]


def value_text(value: Any) -> str:
    """Returns the value of an option as tables show it: `1e+09` for 1000000000.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def best_trial(trials: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Returns the trial of the lowest perplexity; one that succeeded must be among them."""
    return min((trial for trial in trials if trial["perplexity"] is not None), key=lambda trial: trial["perplexity"])
