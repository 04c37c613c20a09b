"""Keras callbacks of the training: progress, schedule, records, backup."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import keras
import tensorflow as tf

from ... import atomic_file
from ...model.options import TrainerOptions
from ...progress import report
from .averaging import WeightAverage
from .backup import Backup, TrainingState
from .divergence import Divergence

# `report` is called this often, seconds.
REPORT_EVERY = 1.0
# A backup is saved this often within an epoch, seconds.
BACKUP_EVERY = 600.0


class Position(keras.callbacks.Callback):
    """Counts the batches of the epoch, from the point at which a killed training stopped. Must be the first callback.

    Args:
        state: Updated in place.
    """

    def __init__(self, state: TrainingState):
        super().__init__()
        self.state = state

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Gives the metric, which Keras has just reset, the sums of the batches that are done."""
        self.before = self.state.batches_done
        self.model.perplexity.nll.assign(self.state.epoch_nll)
        self.model.perplexity.tokens.assign(self.state.epoch_tokens)
        self.model.skipped.start(self.state.epoch_skipped)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Counts the batch."""
        self.state.batches_done = self.before + batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Resets the counts for the next epoch."""
        self.state.batches_done, self.state.epoch_nll, self.state.epoch_tokens = 0, 0.0, 0.0
        self.state.epoch_skipped = 0


class Progress(keras.callbacks.Callback):
    """Reports `epoch 2/5  loss 5.21  perplexity 183  4,480 tokens/s` once a second.

    Only real tokens count, not padding.
    """

    def __init__(self, options: TrainerOptions, batches: int, state: TrainingState):
        """Args: options: For the number of epochs. batches: Batches of an epoch. state: How many of them are done."""
        super().__init__()
        self.state = state
        self.options = options
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Starts the epoch's clock."""
        self.epoch = epoch
        self.reported = self.started = time.monotonic()
        self.started_at_tokens = 0.0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Reports, if the last report is long enough ago."""
        if batch == 0:
            # Building the graph is not training speed.
            self.reported = self.started = time.monotonic()
            self.started_at_tokens = float(logs["tokens"])
        now = time.monotonic()
        if now - self.reported < REPORT_EVERY:
            return
        self.reported = now
        speed = (float(logs["tokens"]) - self.started_at_tokens) / max(now - self.started, 1e-9)
        report(
            f"epoch {self.epoch + 1}/{self.options.epochs}  loss {float(logs['loss']):.2f}  "
            f"perplexity {float(logs['perplexity']):.4g}  {speed:,.0f} tokens/s",
            (self.epoch + self.state.batches_done / self.batches) / self.options.epochs,
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Reports the validation of the epoch."""
        report(
            f"epoch {epoch + 1}/{self.options.epochs}  loss {float(logs['loss']):.2f}  "
            f"validation perplexity {float(logs['val_perplexity']):.4g}",
            (epoch + 1) / self.options.epochs,
        )


class Schedule(keras.callbacks.Callback):
    """Follows the validation perplexity: keeps the best weights, cuts the learning rate, stops.

    One callback instead of Keras's three, so that their counts survive a kill (`TrainingState`).

    Args:
        options: The trainer's options.
        state: Updated in place.
        average: The average of the weights, which the validation was of, if there is one.
    """

    def __init__(self, options: TrainerOptions, state: TrainingState, average: WeightAverage | None = None):
        super().__init__()
        self.options = options
        self.state = state
        self.average = average

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Compares the epoch with the best one so far."""
        state, options = self.state, self.options
        logs["learning_rate"] = float(tf.convert_to_tensor(self.model.optimizer.learning_rate))
        state.epochs_done = epoch + 1
        state.epochs_since_best += 1
        state.epochs_since_change += 1
        # The first epoch is the best so far, even if its perplexity is too large for a float.
        if state.best_epoch == 0 or logs["val_perplexity"] < state.best_perplexity:
            state.best_perplexity = float(logs["val_perplexity"])
            state.best_epoch = epoch + 1
            state.best_weights = self.model.get_weights() if self.average is None else self.average.values()
            state.epochs_since_best = state.epochs_since_change = 0
        if options.schedule == "plateau" and state.epochs_since_change >= options.plateau_patience:
            self.model.optimizer.learning_rate = logs["learning_rate"] * options.plateau_factor
            state.epochs_since_change = 0
        if state.epochs_since_best >= options.early_stopping_patience:
            state.stopped = True
            self.model.stop_training = True


class Records(keras.callbacks.Callback):
    """Writes what every epoch reached, to `training.json` and for TensorBoard.

    Args:
        directory: The folder to write. Epochs before a resume are written again, since the folder may be new.
        facts: Other entries of `training.json`, beside the epochs.
        state: Its `records` are appended to.
    """

    def __init__(self, directory: str, facts: dict[str, Any], state: TrainingState):
        super().__init__()
        self.directory = directory
        self.facts = facts
        self.state = state
        self.writers = {
            name: tf.summary.create_file_writer(os.path.join(directory, name))  # noqa: PTH118, may be a URI
            for name in ("train", "validation")
        }
        for record in state.records:
            self._write_scalars(record)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any]) -> None:
        """Starts the epoch's clock."""
        self.started = time.monotonic()
        self.tokens_before = self.state.epoch_tokens

    def on_test_begin(self, logs: dict[str, Any]) -> None:
        """Stops the clock of the training."""
        self.trained = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Appends the epoch."""
        seconds = self.trained - self.started
        record = {
            "epoch": epoch + 1,
            "loss": float(logs["loss"]),
            "perplexity": float(logs["perplexity"]),
            "tokens": float(logs["tokens"]),
            "skipped_steps": int(logs["skipped"]),
            "validation_loss": float(logs["val_loss"]),
            "validation_perplexity": float(logs["val_perplexity"]),
            "validation_tokens": float(logs["val_tokens"]),
            "learning_rate": float(logs["learning_rate"]),
            "seconds": round(seconds, 3),
            "validation_seconds": round(time.monotonic() - self.trained, 3),
            "tokens_per_second": round((float(logs["tokens"]) - self.tokens_before) / seconds, 1),
        }
        self.state.records.append(record)
        self._write_scalars(record)
        self.write()

    def write(self) -> None:
        """Writes `training.json` as it stands."""
        document = {
            "schema": 1,
            **self.facts,
            "best_epoch": self.state.best_epoch,
            "stopped_early": self.state.stopped,
            "epochs": self.state.records,
        }
        text = json.dumps(document, indent=1) + "\n"
        atomic_file.write_text(os.path.join(self.directory, "training.json"), text)  # noqa: PTH118, may be a URI

    def _write_scalars(self, record: dict[str, Any]) -> None:
        for name, prefix in (("train", ""), ("validation", "validation_")):
            with self.writers[name].as_default(step=record["epoch"]):
                tf.summary.scalar("loss", record[f"{prefix}loss"])
                tf.summary.scalar("perplexity", record[f"{prefix}perplexity"])
                if name == "train":
                    tf.summary.scalar("learning_rate", record["learning_rate"])
                    tf.summary.scalar("tokens_per_second", record["tokens_per_second"])
            self.writers[name].flush()


class SaveBackup(keras.callbacks.Callback):
    """Saves the backup, after each epoch and in long ones; the last callback, when all others have counted.

    Args:
        backup: The backup to save to.
        batches: Batches of an epoch.
        state: The state to save with the model.
        divergence: Checks before a save within an epoch: no retry could go on from the backup of a breakdown.
    """

    def __init__(self, backup: Backup, batches: int, state: TrainingState, divergence: Divergence):
        super().__init__()
        self.backup = backup
        self.batches = batches
        self.state = state
        self.divergence = divergence
        self.saved = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Saves, if the last time is long enough ago."""
        # Not after the last batch: `fit` cannot resume with no batches left. The validation follows.
        if self.state.batches_done < self.batches and time.monotonic() - self.saved >= BACKUP_EVERY:
            if self.model.carried is not None and self.model.carried.within_rows:
                return  # The states are in no backup; the next one is saved after the last window.
            # It looks once a second by itself, and a step of this second may have broken down.
            self.divergence.check(logs)
            # Under a strategy of several replicas, Python cannot read the variables themselves.
            self.state.epoch_nll = float(tf.convert_to_tensor(self.model.perplexity.nll))
            self.state.epoch_tokens = float(tf.convert_to_tensor(self.model.perplexity.tokens))
            self.state.epoch_skipped = int(tf.convert_to_tensor(self.model.skipped.count))
            self._save()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Saves; `Divergence`, an earlier callback, has checked the epoch."""
        self._save()

    def _save(self) -> None:
        self.backup.save(self.model, self.state)
        self.saved = time.monotonic()
