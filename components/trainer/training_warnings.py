"""Warnings of a training that ended well, from its `training.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import SettingError
from .training_record import read_training_record

# Positions for each token. Lines in order, without windows, on a TPU, take 2 at most: as many of context as targets.
MANY_POSITIONS = 2.5
# With windows, lines in order take about 1.02, as stretches are long; lines apart take (context + line) / line. Short
# documents add nothing, since the first line of a document has no context.
MANY_POSITIONS_OF_WINDOWS = 1.25
# Lines of a stretch, on average, that are in order however many positions there are: a context as long as hundreds of
# lines is read again at the beginning of each block of examples.
MANY_LINES = 100


def training_warnings(model_run_uri: str) -> list[SettingError]:
    """Warns of skipped steps, of options without an effect, and of contexts whose lines are not trained in stretches.

    Args:
        model_run_uri: Folder of the `model_run` artifact. Without a `training.json`, as TFX's own Trainer leaves it,
            there is nothing to warn of.
    """
    training = read_training_record(model_run_uri)
    if training is None:
        return []
    # Earlier versions do not have them.
    options = training.get("options", {})
    return [
        *_skipped_steps(training),
        *_no_residual(options),
        *_no_warmup(options),
        *_lines_apart(training["train"]),
    ]


def _skipped_steps(training: Mapping[str, Any]) -> list[SettingError]:
    skipped = sum(epoch.get("skipped_steps", 0) for epoch in training["epochs"])
    if not skipped:
        return []
    steps = training["train"]["batches"] * len(training["epochs"])
    return [
        SettingError(
            f"{skipped} of the {steps} training steps were skipped ({{on_nonfinite}}=skip), since their loss or "
            "gradient was not finite; lower {learning_rate} or {clip_norm}"
        )
    ]


def _no_residual(options: Mapping[str, Any]) -> list[SettingError]:
    # With more layers, all but the first have inputs of their own width.
    if not options.get("residual") or options["layers"] > 1 or options["embedding_units"] == options["units"]:
        return []
    return [
        SettingError(
            f"{{residual}}=true added nothing, as the only layer reads {{embedding_units}}="
            f"{options['embedding_units']} and returns {{units}}={options['units']}; set both to one number"
        )
    ]


def _no_warmup(options: Mapping[str, Any]) -> list[SettingError]:
    steps, schedule = options.get("warmup_steps", 0), options.get("schedule")
    if not steps or schedule == "cosine":
        return []
    return [
        SettingError(
            f"{{warmup_steps}}={steps} had no effect, as {{schedule}}={schedule} begins with the whole learning rate; "
            "set {schedule} to cosine, or {warmup_steps} to 0"
        )
    ]


def _lines_apart(train: Mapping[str, Any]) -> list[SettingError]:
    # Earlier versions do not tell; without contexts each token is a position.
    positions, tokens = train.get("positions", 0), train.get("tokens", 0)
    if train.get("window") is not None:
        if positions <= MANY_POSITIONS_OF_WINDOWS * tokens or train["sentences"] >= MANY_LINES * train["rows"]:
            return []
        return [
            SettingError(
                f"the training read {positions / tokens:.1f} positions for each token, as few lines could be joined, "
                "so that the model seldom read more before a line than its context: many lines are cut, or the "
                "examples are not in the order of the text; raise {max_length}, or write the examples with a Beam "
                "runner that keeps the order"
            )
        ]
    if positions <= MANY_POSITIONS * tokens:
        return []
    return [
        SettingError(
            f"the training read {positions / tokens:.1f} positions for each token, as few lines could be joined: many "
            "lines are cut, the examples are not in the order of the text, or, on a TPU, a batch holds little more "
            "than a line and its context; raise {max_length} (on a TPU also {batch_tokens}), or write the examples "
            "with a Beam runner that keeps the order"
        )
    ]
