"""Checks of all values of a search against the data, before the first trial."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import SettingError
from ...model.adaptive import fitting_cutoffs
from ...model.options import TrainerOptions
from .options import TunerOptions, cannot_be_trained


def check_values_fit(options: TunerOptions, trainer: TrainerOptions, longest: int, vocabulary_size: int) -> None:
    """Checks that each trial can train on the data; the Trainer checks its own options in the same words.

    Args:
        options: The options of the search.
        trainer: The options of the trainer; those that are tried are the first trial.
        longest: Tokens of the longest sentence, with its context.
        vocabulary_size: The number of ids.

    Raises:
        SettingError: A batch cannot hold the longest sentence, or no cluster of the adaptive softmax has an id.
    """
    tried = [("{batch_tokens}", trainer.batch_tokens, "raise {batch_tokens}")]
    tried += [
        ("{space.batch_tokens}", value, f"leave {value} out of {{space}}")
        for value in options.space.get("batch_tokens", ())
    ]
    for name, value, remedy in tried:
        if value < longest:
            raise SettingError(
                f"{name}={value}: the longest sentence has {longest} tokens; a batch must hold it; {remedy}, or lower "
                "{max_length}"
            )
    if trainer.output == "adaptive":
        fitting_cutoffs(trainer.adaptive_cutoffs, vocabulary_size)
    elif "adaptive" in options.space.get("output", ()):
        try:
            fitting_cutoffs(trainer.adaptive_cutoffs, vocabulary_size)
        except SettingError as error:
            raise cannot_be_trained("output", "adaptive", error) from error


def check_warmup_fits(
    options: TunerOptions, trainer: TrainerOptions, tokens: int, batches: Callable[[int], int]
) -> None:
    """Checks that no trial ends before its warm-up does, which would be an error in the midst of the search.

    Args:
        options: The options of the search.
        trainer: The options of the trainer.
        tokens: The targets of an epoch.
        batches: Returns the batches of an epoch for a value of `batch_tokens`; it may read all of the text.

    Raises:
        SettingError: A warm-up is as long as a trial with some of the values.
    """
    if "cosine" not in (trainer.schedule, *options.space.get("schedule", ())):
        return
    listed = options.space.get("warmup_steps", ())
    longest = max((trainer.warmup_steps, *listed))
    if not longest:
        return
    epochs, epochs_name = (
        (trainer.epochs, "{epochs}") if options.trial_epochs is None else (options.trial_epochs, "{trial_epochs}")
    )
    for batch_tokens in dict.fromkeys((trainer.batch_tokens, *options.space.get("batch_tokens", ()))):
        # A batch has at most so many targets. So large texts need not be read.
        if longest < epochs * (tokens // batch_tokens):
            continue
        steps = epochs * batches(batch_tokens)
        if longest >= steps:
            own = longest == trainer.warmup_steps
            name, remedy = (
                ("{warmup_steps}", "lower {warmup_steps}")
                if own
                else ("{space.warmup_steps}", f"leave {longest} out of {{space}}")
            )
            smaller = "" if batch_tokens == trainer.batch_tokens else f"leave {batch_tokens} out of {{space}}, "
            raise SettingError(
                f"{name}={longest}: must be less than the {steps} steps of a trial, which are {epochs} epochs with "
                f"{{batch_tokens}}={batch_tokens}; {remedy}, {smaller}or raise {epochs_name}"
            )
