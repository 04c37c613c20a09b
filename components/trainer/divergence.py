"""Check that a training has not broken down: finite losses and gradients, and a loss that is not absurdly large."""

from __future__ import annotations

import math
import time
from typing import Any

import keras

from ...errors import SettingError
from ...model.options import TrainerOptions
from .backup import TrainingState

# Seconds between two checks within an epoch. They read the counts that the device keeps, so that no step waits.
CHECK_EVERY = 1.0
# A training has diverged if its mean loss is so many times that of a uniform guess, ln(vocabulary size). It starts
# below one such loss, since the untrained model predicts by the frequencies of the words.
DIVERGED = 2.0
# Nats per token of the first validation from which on the training has diverged. The validation may hold what the
# training data has not: unknown words only, or any others if the training data is one line again and again. They get
# next to no probability, but that is also their gradient, so that no optimizer lowers it without end: Adam reached 29
# nats with a learning rate of 1. After the first epoch, the best weights are those of a validation that passed.
LARGEST_VALIDATION = 100.0
# Batches after which the mean loss of an unfinished epoch counts.
SETTLED = 100
# With `on_nonfinite="skip"`, so many steps of an epoch may be skipped, or this share of them if that is more.
MOST_SKIPPED = 10
MOST_SKIPPED_SHARE = 0.01


class DivergenceError(SettingError, FloatingPointError):
    """A loss or a gradient is not finite, or the loss has grown too large; the remedy is another setting."""


class Divergence(keras.callbacks.Callback):
    """Ends a training that has broken down, with an error that names step, batch and cause.

    `TrainableLanguageModel` skips each step whose loss or gradient is not finite, and counts it. This callback decides
    what that means. Nothing is exported after an error, and the backup is the one from before.

    Args:
        options: The trainer's options, for `on_nonfinite` and the remedies.
        batches: Batches of an epoch.
        vocabulary_size: The number of ids.
        state: Tells which epoch and batch it is.
    """

    def __init__(self, options: TrainerOptions, batches: int, vocabulary_size: int, state: TrainingState):
        super().__init__()
        self.options = options
        self.batches = batches
        self.state = state
        self.largest = DIVERGED * math.log(vocabulary_size)
        # An epoch in which every step is skipped has no loss.
        self.most_skipped = min(max(MOST_SKIPPED, int(MOST_SKIPPED_SHARE * batches)), batches - 1)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Starts the clock."""
        self.epoch = epoch
        self.checked = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Checks, if the last check is long enough ago."""
        now = time.monotonic()
        if now - self.checked < CHECK_EVERY:
            return
        self.checked = now
        self.check(logs)

    def check(self, logs: dict[str, Any]) -> None:
        """Checks the epoch as far as it has come; `SaveBackup` calls this too, right before it saves.

        Args:
            logs: Those of the last batch.

        Raises:
            DivergenceError: The training has broken down.
        """
        self._check(logs, f"after batch {self.state.batches_done} of {self.batches}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Checks the epoch and its validation."""
        self._check(logs, "at its end", ended=True)
        loss = float(logs["val_loss"])
        first = self.state.best_epoch == 0
        if not math.isfinite(loss) or (first and loss > LARGEST_VALIDATION):
            raise self._error(f"validation loss={loss:.4g} after epoch {epoch + 1}: the training diverged")

    def _check(self, logs: dict[str, Any], where: str, ended: bool = False) -> None:
        skipped = int(logs["skipped"])
        if skipped and (self.options.on_nonfinite == "stop" or skipped > self.most_skipped):
            raise self._nonfinite(skipped, where)
        loss = float(logs["loss"])
        if ended and math.isnan(loss):
            raise self._error(f"no step of epoch {self.epoch + 1} has a finite loss")
        if (ended or self.state.batches_done >= SETTLED) and loss > self.largest:
            raise self._error(
                f"loss={loss:.4g} in epoch {self.epoch + 1} {where}: the training diverged, since a uniform guess "
                f"has {self.largest / DIVERGED:.4g}"
            )

    def _nonfinite(self, skipped: int, where: str) -> DivergenceError:
        first = self.model.skipped.first()
        if first is None:
            at = f"epoch {self.epoch + 1}: the loss or the gradient of a step before the resume was not finite"
        else:
            batch = (first.step - 1) % self.batches + 1
            at = f"step {first.step} (epoch {self.epoch + 1}, batch {batch} of {self.batches}): {first.cause()}"
        if self.options.on_nonfinite == "skip":
            return self._error(
                f"{at}; {skipped} steps of the epoch are skipped {where}, and {self.most_skipped} may be"
            )
        return self._error(at, ", or set {on_nonfinite}=skip, which leaves such steps out")

    def _error(self, what: str, more: str = "") -> DivergenceError:
        return DivergenceError(
            f"{what}; nothing is exported; lower {{learning_rate}} ({self.options.learning_rate:g}) "
            f"or {{clip_norm}} ({self.options.clip_norm:g}){more}"
        )
