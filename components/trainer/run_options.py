"""Options of one training: `custom_config`, then the hyperparameters that a Tuner found."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ...errors import SettingError, escape
from ...model.options import TrainerOptions
from ...transform.options import TextOptions

# What Keras Tuner adds to `values` for itself: Hyperband's `tuner/epochs`, `tuner/bracket` and others.
_TUNERS_OWN = "tuner/"


def options_of_run(fn_args: Any) -> TrainerOptions:
    """Reads and checks the options before any work is done.

    Example: `custom_config["trainer"]` of `{"units": 32, "learning_rate": 0.003}` and `hyperparameters` of
    `{"space": [..], "values": {"learning_rate": 0.0075}}` give 32 units and the learning rate 0.0075.

    Args:
        fn_args: TFX's `FnArgs`.

    Returns:
        The options of `custom_config["trainer"]`, overridden by `hyperparameters["values"]`.

    Raises:
        SettingError: An option is unknown, missing or cannot be used.
    """
    config = fn_args.custom_config or {}
    for key in ("trainer", "transform"):
        if key not in config:
            raise SettingError(f"custom_config has no '{key}'; give it to the Trainer component")
    if stray := [name for name in TrainerOptions.model_fields if name in config]:
        raise SettingError(f"custom_config['{stray[0]}']: would not be used; put it into custom_config['trainer']")
    try:
        TextOptions.from_custom_config(config["transform"])
    except SettingError as error:
        raise SettingError(f"custom_config['transform']: {error.template}") from error
    for split, steps in (("train", fn_args.train_steps), ("eval", fn_args.eval_steps)):
        if steps:
            logging.getLogger(__name__).warning(
                "%s_args.num_steps=%s is not used: an epoch is one pass over the data; set epochs", split, steps
            )
    options = TrainerOptions.from_config(config["trainer"])
    return options if fn_args.hyperparameters is None else tuned(options, fn_args.hyperparameters)


def tuned(options: TrainerOptions, hyperparameters: Mapping[str, Any]) -> TrainerOptions:
    """Replaces options by the hyperparameters of a Tuner.

    Args:
        options: The options.
        hyperparameters: Keras Tuner's `HyperParameters.get_config()`, whose `values` are options by name. Those that
            Keras Tuner adds for itself, as Hyperband's `tuner/epochs`, are left out.

    Returns:
        The options with the hyperparameters.

    Raises:
        SettingError: A hyperparameter is no option, or its value cannot be used.
    """
    values = hyperparameters.get("values") if isinstance(hyperparameters, Mapping) else None
    if not isinstance(values, Mapping):
        raise SettingError(
            f"hyperparameters={escape(hyperparameters)}: have no 'values'; give what Keras Tuner's "
            "HyperParameters.get_config() returns"
        )
    given = {name: value for name, value in values.items() if not name.startswith(_TUNERS_OWN)}
    try:
        return TrainerOptions.from_config({**options.model_dump(), **given})
    except SettingError as error:
        raise SettingError(f"hyperparameters: {error.template}") from error
