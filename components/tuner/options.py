"""Options of MaskedTuner: which options of the trainer it tries, and how many times. Their only definition."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...errors import SettingError, escape
from ...model.options import TrainerOptions
from ...settings import Number, Settings, WholeNumber

# They decide where and how long, not what is trained (`trial_epochs` is the length of a trial); and Keras Tuner has no
# lists for values.
NOT_TUNED = ("distribution", "workers", "worker_timeout_seconds", "epochs", "on_nonfinite", "adaptive_cutoffs")


class TunerOptions(Settings):
    """What a search for better options of the trainer tries.

    Worked example: `TunerOptions(trials=4, space={"units": [32, 64], "dropout": [0.0, 0.2]})` for a trainer of 64 units
    and no dropout tries these first, then the other three combinations.
    """

    # How many combinations to try; 0: none, the options of the trainer are taken.
    trials: WholeNumber = Field(0, ge=0, le=1000)
    # Minutes of trials after which no other one begins; null: no limit. What a trial took before a kill is not counted.
    max_minutes: Number | None = Field(None, gt=0.0)
    # Most epochs of each trial; null: as many as the trainer's.
    trial_epochs: WholeNumber | None = Field(None, ge=1)
    # bayesian: after random trials, three times as many as options, a Gaussian process proposes what may be better;
    # random: each combination is as likely.
    algorithm: Literal["bayesian", "random"] = "bayesian"
    # Values to choose from, by option of the trainer. Its own value is one of them, and is tried first.
    space: dict[str, tuple[Any, ...]] = Field(
        {
            "layers": (1, 2),
            "units": (100, 200, 400),
            "dropout": (0.0, 0.2, 0.4),
            "learning_rate": (0.001, 0.003, 0.01),
            "batch_tokens": (1024, 2048, 4096),
        }
    )

    @field_validator("space")
    @classmethod
    def _values_can_be_used(cls, space: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
        checked = {}
        for name, values in space.items():
            if name not in TrainerOptions.model_fields or name in NOT_TUNED:
                names = ", ".join(name for name in TrainerOptions.model_fields if name not in NOT_TUNED)
                raise SettingError(f"{{space}}: {escape(name)} is not tuned; the options that can be are {names}")
            if not values:
                raise SettingError(f"{{space}}: {name} has no values; list at least one, or leave it out")
            try:
                # As the trainer reads it: PyYAML takes 1e-3 for text.
                read = tuple(getattr(TrainerOptions.parse({name: value}), name) for value in values)
            except SettingError as error:
                raise SettingError(error.template.replace(f"{{{name}}}", f"{{space.{name}}}")) from error
            if len(set(read)) < len(read):
                raise SettingError(f"{{space}}: {name}={list(read)} has a value twice; list each once")
            checked[name] = read
        return checked

    @model_validator(mode="after")
    def _something_is_tried(self) -> TunerOptions:
        defaults = {name: field.default for name, field in TunerOptions.model_fields.items()}
        if not self.trials and (asked := [name for name in defaults if getattr(self, name) != defaults[name]]):
            raise SettingError(
                f"{{trials}}=0: nothing is tried, and {{{asked[0]}}} has no effect; set {{trials}} to the number of "
                f"combinations to try, or leave {{{asked[0]}}} out"
            )
        if self.trials and not self.space:
            raise SettingError(
                f"{{trials}}={self.trials}: {{space}} has no options to try; list values for at least one"
            )
        return self


def check_space(options: TunerOptions, trainer: TrainerOptions) -> None:
    """Checks that each value can be trained with the options of the trainer that are not tried.

    Args:
        options: The options of the search.
        trainer: The options of the trainer.

    Raises:
        SettingError: A value cannot be trained.
    """
    for name, values in options.space.items():
        for value in values:
            try:
                TrainerOptions.parse({**trainer.model_dump(), name: value})
            except SettingError as error:
                raise cannot_be_trained(name, value, error) from error


def cannot_be_trained(name: str, value: Any, error: SettingError) -> SettingError:
    """Returns the error of a value of the space that the trainer refuses.

    Args:
        name: The option.
        value: The value.
        error: The trainer's.
    """
    shown = escape(value)
    return SettingError(
        f"{{space}}: {name}={shown} cannot be trained: {error.template}, or leave {shown} out of {{space}}"
    )
