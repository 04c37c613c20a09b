"""Warnings of a training that ended well, from its `training.json`."""

from __future__ import annotations

from ...errors import SettingError
from .training_record import read_training_record


def training_warnings(model_run_uri: str) -> list[SettingError]:
    """Warns of skipped steps.

    Args:
        model_run_uri: Folder of the `model_run` artifact. Without a `training.json`, as TFX's own Trainer leaves it,
            there is nothing to warn of.
    """
    training = read_training_record(model_run_uri)
    if training is None:
        return []
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
