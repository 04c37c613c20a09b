"""The training itself: epochs over the corpus, validation after each, backups, and the weights of the best epoch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...errors import SettingError
from ...model.options import TrainerOptions
from . import input_pipeline
from .averaging import Averaging, WeightAverage
from .backup import Backup
from .buckets import choose_buckets
from .callbacks import Position, Progress, Records, SaveBackup, Schedule
from .corpus_counts import CorpusCounts, count_corpus, digest_of
from .distribution import is_chief
from .divergence import Divergence
from .precision import Precision, choose_precision
from .replica_batches import compiles, distribute
from .row_layout import lay_out
from .start import Start
from .training import TrainableLanguageModel
from .untrained_model import build_model

# TensorFlow reduces seeds by it.
_SEEDS = 2**31 - 1
# Up to as many positions, a batch of the validation is four times as large as one of the training: it keeps nothing for
# gradients, and more rows make the LSTM's small products faster. Measured on 2 cores, 2 x 400 units, lines of 22 words
# behind contexts of 64, batches of 768: 2.0 times as fast; twice as large, 1.6.
VALIDATION_POSITIONS = 4096


def train(
    options: TrainerOptions,
    train_files: list[str],
    eval_files: list[str],
    vocabulary_size: int,
    backup: Backup,
    directory: str,
    shares: int = 1,
    precision: Precision | None = None,
    start: Start | None = None,
) -> TrainableLanguageModel:
    """Trains until the epochs are over or the validation perplexity no longer falls.

    To be called under the scope of the distribution strategy. Every worker follows the same epochs: what they
    decide by, the perplexity of the global batches, is the same on all of them. Only the chief writes, for which
    it needs no other: each worker has all of the weights.

    Args:
        options: The trainer's options.
        train_files: TFRecord files of transformed examples.
        eval_files: TFRecord files to validate with.
        vocabulary_size: The number of ids.
        backup: Saved every ten minutes, with windows before the next rows begin, and after each epoch; the training
            resumes from it if it exists.
        directory: The folder of `training.json` and the TensorBoard logs.
        shares: Number of shares of a batch; see `threads`.
        precision: The precision; by default the one that the options choose here.
        start: The model to start from; by default new weights.

    Returns:
        The model with the weights of its best epoch, averages if `options.ema_momentum` is set.
    """
    precision = choose_precision(options) if precision is None else precision
    options = options.model_copy(update={"precision": precision.value})
    train_counts = count_corpus(train_files, vocabulary_size, "train")
    eval_counts = count_corpus(eval_files, vocabulary_size, "eval")
    longest = max(len(counts.lengths) - 1 for counts in (train_counts, eval_counts))
    if longest > options.batch_tokens:
        raise SettingError(
            f"{{batch_tokens}}={options.batch_tokens}: the longest sentence has {longest} tokens; a batch must hold "
            "it; raise {batch_tokens}, or lower {max_length}"
        )
    strategy = tf.distribute.get_strategy()
    layout = lay_out(train_files, train_counts, options.batch_tokens, strategy)
    train_counts, train_buckets = layout.counts, layout.buckets
    eval_buckets = choose_buckets(eval_counts.lengths, validation_positions(options.batch_tokens, strategy))

    keras.utils.set_random_seed(options.seed)
    # `Dataset.shuffle` fails in a graph if TensorFlow's own seed is 0.
    tf.random.set_seed(options.seed % _SEEDS or 1)
    model = build_model(options, vocabulary_size, train_buckets.batches * options.epochs, shares)
    model.start_from_frequencies(train_counts.targets)
    if layout.windows is not None:
        model.carry_states(-(-layout.windows.rows // strategy.num_replicas_in_sync))
    started_from = None if start is None else start.assign(model)
    # Its variables come back from the backup.
    average = WeightAverage(model, options.ema_momentum) if options.ema_momentum else None
    state = backup.restore(model, digest_of(train_counts, eval_counts))
    facts = {
        "options": options.model_dump(),
        "precision": precision._asdict(),
        "started_from": started_from,
        "vocabulary_size": vocabulary_size,
        "parameters": int(sum(np.prod(variable.shape) for variable in model.trainable_variables)),
        "train": {
            **_describe(train_counts, train_buckets),
            "window": None if layout.windows is None else layout.windows.window,
        },
        "eval": _describe(eval_counts, eval_buckets),
        "text": dataclasses.asdict(train_counts.text),
        "resumed_after_epoch": state.epochs_done,
        "resumed_after_batch": state.batches_done,
    }
    batches = train_buckets.batches
    divergence = Divergence(options, batches, vocabulary_size, state)
    callbacks = [
        Position(state),
        divergence,
        Progress(options, batches, state),
        Schedule(options, state, average),
    ]
    if average is not None:
        callbacks.insert(1, Averaging(average, batches, state))
    if is_chief(strategy):
        records = Records(directory, facts, state)
        callbacks += [records, SaveBackup(backup, batches, state, divergence)]

    def fit(last_epoch: int) -> None:
        """Trains from the current state to the end of that epoch."""
        first = (state.epochs_done, state.batches_done)
        epochs = input_pipeline.training_batches(train_files, layout, options.seed, *first, last_epoch)
        validation = input_pipeline.evaluation_batches(eval_files, eval_buckets)
        model.fit(
            distribute(strategy, epochs, train_buckets),
            steps_per_epoch=batches - state.batches_done,
            initial_epoch=state.epochs_done,
            epochs=last_epoch,
            shuffle=False,  # The batches come shuffled.
            validation_data=distribute(strategy, validation, eval_buckets),
            validation_steps=eval_buckets.batches,
            callbacks=callbacks,
            verbose=0,
        )

    if state.batches_done:
        # Keras takes all epochs to be of one length, and the rest of this one is shorter.
        fit(state.epochs_done + 1)
    if not state.stopped and state.epochs_done < options.epochs:
        fit(options.epochs)
    if is_chief(strategy):
        records.write()
    model.set_weights(state.best_weights)
    return model


def validation_positions(batch_tokens: int, strategy: tf.distribute.Strategy) -> int:
    """Returns the positions of a batch of the validation.

    Args:
        batch_tokens: Positions of a batch of the training.
        strategy: The strategy that trains. If it compiles each shape, all logits of a batch are in memory.
    """
    if compiles(strategy):
        return batch_tokens
    return max(batch_tokens, min(4 * batch_tokens, VALIDATION_POSITIONS))


def _describe(counts: CorpusCounts, buckets: Any) -> Mapping[str, Any]:
    """Returns the entry of a split in `training.json`."""
    return {
        "sentences": counts.sentences,
        "tokens": counts.tokens,
        "rows": counts.rows,
        "positions": counts.positions,
        "batches": buckets.batches,
        "bucket_boundaries": buckets.boundaries,
        "padding": round(buckets.padding, 5),
    }
