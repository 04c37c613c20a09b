"""Warnings of a training that ended well, from its `training.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import SettingError
from .training_record import read_training_record

# Lines in order take 2 at most, on a TPU: as many positions of context as targets.
MANY_POSITIONS = 2.5


def training_warnings(model_run_uri: str) -> list[SettingError]:
    """Warns of skipped steps, of options without an effect, and of contexts whose lines are not trained in stretches.

    Args:
        model_run_uri: Folder of the `model_run` artifact. Without a `training.json`, as TFX's own Trainer leaves it,
            there is nothing to warn of.
    """
    training = read_training_record(model_run_uri)
    if training is None:
        return []
    return [*_skipped_steps(training), *_no_residual(training.get("options", {})), *_lines_apart(training["train"])]


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
    # Earlier versions do not have it. With more layers, all but the first have inputs of their own width.
    if not options.get("residual") or options["layers"] > 1 or options["embedding_units"] == options["units"]:
        return []
    return [
        SettingError(
            f"{{residual}}=true added nothing, as the only layer reads {{embedding_units}}="
            f"{options['embedding_units']} and returns {{units}}={options['units']}; set both to one number"
        )
    ]


def _lines_apart(train: Mapping[str, Any]) -> list[SettingError]:
    # Earlier versions do not tell; without contexts each token is a position.
    positions, tokens = train.get("positions", 0), train.get("tokens", 0)
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
