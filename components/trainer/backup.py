"""Backup of a training: a killed training resumes from it as if nothing had happened."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import logging
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import atomic_file
from .distribution import from_chief

# Exceptions of NumPy and Python for damaged files. NotImplementedError, a RuntimeError, comes from a wrong flag of the
# ZIP file.
_DAMAGE = (EOFError, KeyError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile)


@dataclasses.dataclass
class TrainingState:
    """State of a training, apart from the variables of the model and its optimizer.

    Attributes:
        epochs_done: Epochs that are finished, validation included.
        batches_done: Finished batches of the epoch that is under way.
        epoch_nll: The sum of the losses of these batches, nats.
        epoch_tokens: The real tokens of these batches.
        epoch_skipped: Skipped steps among these batches.
        best_perplexity: The lowest validation perplexity so far; infinite before the first epoch.
        best_epoch: The epoch, counted from 1, that reached it; 0 before the first.
        best_weights: The weights of that epoch, in the order of `model.weights`.
        epochs_since_best: Epochs since then, for early stopping.
        epochs_since_change: Epochs without a better perplexity since the last cut of the learning rate, for the
            plateau rule.
        stopped: Whether early stopping has ended the training.
        corpus: Digest of what is trained on; backups of earlier releases have none.
        records: One mapping for each finished epoch, as `training.json` lists them.
    """

    epochs_done: int = 0
    batches_done: int = 0
    epoch_nll: float = 0.0
    epoch_tokens: float = 0.0
    epoch_skipped: int = 0
    best_perplexity: float = float("inf")
    best_epoch: int = 0
    best_weights: list[np.ndarray] = dataclasses.field(default_factory=list)
    epochs_since_best: int = 0
    epochs_since_change: int = 0
    stopped: bool = False
    corpus: str = ""
    records: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class Backup:
    """Saves model, optimizer and `TrainingState` together in one file, replaced at once.

    Keras's `BackupAndRestore` keeps only the weights: after a restore, early stopping and the learning rate's
    plateau start over, and the best weights so far are lost. Also, an orchestrator gives a retried trainer a new
    output folder, so a backup there would never be found. This backup lies in a separate folder. Its name is a
    digest of everything that the training depends on: a training with other options never resumes from it.

    Args:
        directory: The folder of the backups; local or on any file system that TensorFlow writes to.
        identity: Everything that the training depends on, JSON types.
    """

    def __init__(self, directory: str, identity: Mapping[str, Any]):
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
        self.path = os.path.join(directory, f"training-{digest}.npz")  # noqa: PTH118, may be a URI

    def exists(self) -> bool:
        """Returns whether a killed training left a backup, readable or not."""
        return tf.io.gfile.exists(self.path)

    def save(self, model: keras.Model, state: TrainingState) -> None:
        """Replaces the backup; a kill at any moment leaves the old or the new one."""
        facts = dataclasses.asdict(state)
        arrays = {f"best_{i:03}": value for i, value in enumerate(facts.pop("best_weights"))}
        arrays |= {f"variable_{i:03}": value.numpy() for i, value in enumerate(_variables(model))}
        content = io.BytesIO()
        np.savez(content, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
        atomic_file.write_bytes(self.path, content.getvalue())

    def restore(self, model: keras.Model, corpus: str = "") -> TrainingState:
        """Sets model and optimizer to the backup, if there is one.

        With several workers, the chief reads the backup and sends it to the others, so that all resume from the same
        state. Each worker must call this, under the strategy that it trains under.

        Args:
            model: Compiled, with its optimizer built.
            corpus: Digest of what is trained on.

        Returns:
            The state to resume from; a new one if there is no readable backup, or only one of another corpus.
        """
        saved = b""
        if self.exists():
            with tf.io.gfile.GFile(self.path, "rb") as file:
                saved = file.read()
        saved = from_chief(tf.distribute.get_strategy(), saved)
        if not saved:
            return TrainingState(corpus=corpus)
        variables = _variables(model)
        try:
            content = np.load(io.BytesIO(saved), allow_pickle=False)
            facts = json.loads(content["facts"].tobytes())
            values = [content[f"variable_{i:03}"] for i in range(len(variables))]
            best = [content[name] for name in sorted(content.files) if name.startswith("best_")]
            if any(tuple(old.shape) != new.shape for old, new in zip(variables, values, strict=True)):
                raise ValueError("its variables have other shapes")
            # The names of a ZIP file have no checksum.
            if len(best) not in (0, len(model.weights)):
                raise ValueError(f"it has {len(best)} of {len(model.weights)} best weights")
            if facts.get("corpus", "") not in ("", corpus):
                raise ValueError("it is of another corpus")
            state = TrainingState(**{**facts, "corpus": corpus}, best_weights=best)
        except _DAMAGE as error:
            logging.getLogger(__name__).warning(
                "backup %s cannot be used (%s); training starts from the beginning", self.path, error
            )
            return TrainingState(corpus=corpus)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return state

    def delete(self) -> None:
        """Removes the backup after the training has finished."""
        atomic_file.remove(self.path)


def _variables(model: keras.Model) -> list[tf.Variable]:
    return [variable.value for variable in [*model.weights, *model.optimizer.variables]]
