"""The entry point that TFX's Trainer calls, by its import path."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import __version__
from ...errors import SettingError
from ...exported.text_statistics import TextStatistics
from ...model.adaptive import fitting_cutoffs
from ...model.devices import on_gpu
from ...model.export import export_model
from ...model.gpu_lstm import GpuLSTM
from ...model.lstm import ProcessorLSTM
from ...model.options import TrainerOptions
from ...model.transform_graph import TransformGraph
from ...transform.options import TextOptions
from . import input_pipeline
from .averaging import Averaging, WeightAverage
from .backup import Backup
from .buckets import choose_buckets
from .callbacks import Position, Progress, Records, SaveBackup, Schedule
from .cluster import Cluster, check_workers_here, cluster_of
from .distribution import choose_strategy, from_chief, is_chief
from .divergence import Divergence
from .optimizer import build_optimizer
from .precision import Precision, choose_precision
from .replica_batches import distribute
from .run_options import options_of_run
from .same_transform import check_same_transform
from .start import Start, start_of_run
from .stretches import TARGETS_PER_CONTEXT_TOKEN, Stretches
from .threads import check_processes, deal_threads, on_processor
from .training import TrainableLanguageModel
from .training_record import read_training_record
from .workers import train_here, train_on_hosts


def run_fn(fn_args: Any) -> None:
    """Trains a language model and exports its best epoch.

    With the option `workers`, it starts several on this machine. If `TF_CONFIG` names several hosts, each of them calls
    this, or `join_training`. Only the chief writes.

    Args:
        fn_args: TFX's `FnArgs`. Used are `train_files` and `eval_files` (patterns of transformed examples),
            `transform_output`, `model_run_dir` (for `training.json` and TensorBoard), `serving_model_dir` and
            `custom_config`: `trainer` (see `TrainerOptions`), `transform` (the Transform component's own
            `custom_config`) and, optional, `backup_directory` (a folder that stays the same when the
            orchestrator starts the trainer again; without it backups lie in `model_run_dir`). The `values` of
            `hyperparameters`, a Tuner's, override those of `trainer`. `base_model`, an exported model, is what the
            training starts from; if the folder above it is empty, as that of a StartingModel that found none, it
            starts from new weights. The numbers of steps are not used: an epoch is one pass over the data.

    Raises:
        SettingError: for bad options, options `transform` that are not those of the Transform graph, or a
            `base_model` that is not of the same kind.
        ValueError: for a split without sentences.
        WorkerError: if a worker does not come, or dies.
        DivergenceError: if the training breaks down (see `divergence`). Nothing is exported then.
    """
    options, config = options_of_run(fn_args), fn_args.custom_config
    check_workers_here(options)
    task = {
        "trainer": options.model_dump(mode="json"),
        "transform": config["transform"],
        "transform_output": fn_args.transform_output,
        "train_files": [*fn_args.train_files],
        "eval_files": [*fn_args.eval_files],
        "run_directory": fn_args.model_run_dir,
        "model_directory": fn_args.serving_model_dir,
        # May be a URI.
        "backup_directory": config.get("backup_directory") or os.path.join(fn_args.model_run_dir, "backup"),  # noqa: PTH118
        "start": start_of_run(fn_args),
    }
    if options.workers > 1:
        train_here(options.workers, task, train_and_export, options.worker_timeout_seconds)
    elif (cluster := cluster_of(options)).several:
        train_on_hosts(cluster, task, train_and_export, agreed(config), options.worker_timeout_seconds)
    else:
        train_and_export(task)


def join_training(cluster: Cluster, options: TrainerOptions, config: Mapping[str, Any]) -> str:
    """Trains as a worker that only helps: the chief tells it the files, and alone writes.

    Args:
        cluster: All workers, and which of them this one is; not the chief.
        options: The options, for the time to wait.
        config: The `custom_config` that the chief has, too.

    Returns:
        Why there was nothing to train, or an empty text.

    Raises:
        SettingError: The chief did not come, it has something else to train, or a worker has died.
    """
    return train_on_hosts(cluster, {}, train_and_export, agreed(config), options.worker_timeout_seconds)


def agreed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the workers of a training must agree on, JSON types.

    A Tuner's hyperparameters are not among it: the chief tells them to the others, as it does the files.
    """
    options = TrainerOptions.from_config(config["trainer"])
    return {"version": __version__, "trainer": options.identity(), "transform": config["transform"]}


def train_and_export(task: Mapping[str, Any], met: Callable[[], None] = lambda: None) -> None:
    """Trains in this process, alone or as the worker that `TF_CONFIG` names, and exports if it is the chief.

    Args:
        task: What `run_fn` was given, JSON types.
        met: Called as soon as all workers have met.
    """
    options = TrainerOptions.from_config(task["trainer"])
    # Threads and workers are set up before TensorFlow runs anything else.
    workers = cluster_of(options).workers
    shares = deal_threads(options.batch_tokens // max(1, len(workers)), options.workers)
    check_processes(options.workers)
    strategy = choose_strategy(options.distribution)
    from_chief(strategy, b"")
    met()
    text_options = TextOptions.from_custom_config(task["transform"])
    start = Start.of_task(task, options, text_options)
    transform = TransformGraph(task["transform_output"])
    check_same_transform(transform, text_options)
    start.check_words(options, transform.vocabulary_path)
    train_files = input_pipeline.list_files(task["train_files"], "train")
    eval_files = input_pipeline.list_files(task["eval_files"], "eval")

    # Only `auto` goes on with what `auto` began, whose precision it may not choose here.
    asked = {"chosen by": "auto"} if options.precision == "auto" else {}

    def backup_in(precision: str) -> Backup:
        return Backup(
            task["backup_directory"],
            {
                "trainer": {**options.identity(), "precision": precision, **asked},
                "transform": task["transform"],
                "transform_output": task["transform_output"],
                "files": [train_files, eval_files],
                # They decide which rows a batch has.
                **({"targets per context token": TARGETS_PER_CONTEXT_TOKEN} if text_options.context_tokens else {}),
                **start.identity(),
            },
        )

    precision = agreed_precision(options, backup_in, strategy)
    run_dir, vocabulary_size = task["run_directory"], transform.vocabulary_size
    with strategy.scope():
        backup = backup_in(precision.value)
        model = train(options, train_files, eval_files, vocabulary_size, backup, run_dir, shares, precision, start)
    if is_chief(strategy):
        text = TextStatistics.from_json((read_training_record(run_dir) or {})["text"])
        directory, origin = task["model_directory"], (start.examples, text, start.from_model)
        export_model(model, transform, task["transform"], directory, *origin)
    # TFX looks for the exported model as soon as a worker is done, so all wait for it. The backup stays until then, as
    # the training fails if one of them is lost.
    from_chief(strategy, b"")
    if is_chief(strategy):
        backup.delete()


def agreed_precision(
    options: TrainerOptions, backup_in: Callable[[str], Backup], strategy: tf.distribute.Strategy
) -> Precision:
    """Returns the precision of this training, the same on all workers.

    With `auto`, a training that was killed goes on in the precision that it began with, also on another machine.

    Args:
        options: The options.
        backup_in: Returns the backup of the training in a precision.
        strategy: The strategy; its chief decides.
    """
    chosen = choose_precision(options)
    if options.precision == "auto" and not backup_in(chosen.value).exists():
        other = {"float32": "bfloat16", "bfloat16": "float32"}[chosen.value]
        if backup_in(other).exists():
            chosen = Precision(other, "the training began with it")
    return Precision(*json.loads(from_chief(strategy, json.dumps(chosen).encode())))


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
        backup: Saved every ten minutes and after each epoch; the training resumes from it if it exists.
        directory: The folder of `training.json` and the TensorBoard logs.
        shares: Number of shares of a batch; see `threads`.
        precision: The precision; by default the one that the options choose here.
        start: The model to start from; by default new weights.

    Returns:
        The model with the weights of its best epoch, averages if `options.ema_momentum` is set.
    """
    precision = choose_precision(options) if precision is None else precision
    options = options.model_copy(update={"precision": precision.value})
    train_counts = input_pipeline.count_corpus(train_files, vocabulary_size, "train")
    eval_counts = input_pipeline.count_corpus(eval_files, vocabulary_size, "eval")
    longest = max(len(counts.lengths) - 1 for counts in (train_counts, eval_counts))
    if longest > options.batch_tokens:
        raise SettingError(
            f"{{batch_tokens}}={options.batch_tokens}: the longest sentence has {longest} tokens; a batch must hold "
            "it; raise {batch_tokens}, or lower {max_length}"
        )
    stretches = None
    if train_counts.longest_context:
        longest_line = len(train_counts.line_lengths) - 1
        stretches = Stretches.fitting(train_counts.longest_context, longest_line, options.batch_tokens)
        train_counts = input_pipeline.count_corpus(train_files, vocabulary_size, "train", stretches)
    train_buckets = choose_buckets(train_counts.lengths, options.batch_tokens)
    eval_buckets = choose_buckets(eval_counts.lengths, options.batch_tokens)

    strategy = tf.distribute.get_strategy()
    keras.utils.set_random_seed(options.seed)
    model = build_model(options, vocabulary_size, train_buckets.batches * options.epochs, shares)
    model.start_from_frequencies(train_counts.targets)
    started_from = None if start is None else start.assign(model)
    # Its variables come back from the backup.
    average = WeightAverage(model, options.ema_momentum) if options.ema_momentum else None
    state = backup.restore(model)
    facts = {
        "options": options.model_dump(),
        "precision": precision._asdict(),
        "started_from": started_from,
        "vocabulary_size": vocabulary_size,
        "parameters": int(sum(np.prod(variable.shape) for variable in model.trainable_variables)),
        "train": _describe(train_counts, train_buckets),
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
        epochs = input_pipeline.training_batches(
            train_files, train_buckets, options.seed, *first, last_epoch, stretches
        )
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


def build_model(options: TrainerOptions, vocabulary_size: int, steps: int, shares: int = 1) -> TrainableLanguageModel:
    """Returns the untrained model, compiled, with all variables made.

    Args:
        options: The trainer's options.
        vocabulary_size: The number of ids.
        steps: How many optimizer steps the whole training takes.
        shares: Number of shares of a batch; see `threads`.
    """
    cutoffs = fitting_cutoffs(options.adaptive_cutoffs, vocabulary_size) if options.output == "adaptive" else ()
    model = TrainableLanguageModel(
        clip_norm=options.clip_norm,
        seed=options.seed,
        shares=shares,
        lstm_layer=_lstm_layer(),
        vocabulary_size=vocabulary_size,
        embedding_units=options.embedding_units,
        units=options.units,
        layers=options.layers,
        dropout=options.dropout,
        variational_dropout=options.variational_dropout,
        tied_embedding=options.tied_embedding,
        adaptive_cutoffs=cutoffs,
        dtype="mixed_bfloat16" if choose_precision(options).value == "bfloat16" else "float32",
    )
    # Each batch has another shape; XLA would compile each of them.
    model.compile(optimizer=build_optimizer(options, steps), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def _lstm_layer() -> type[keras.layers.LSTM]:
    """Returns the class of the LSTM layers for the device that trains; Keras's own on a TPU."""
    if on_processor():
        return ProcessorLSTM
    return GpuLSTM if on_gpu() else keras.layers.LSTM


def _describe(counts: input_pipeline.CorpusCounts, buckets: Any) -> Mapping[str, Any]:
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
