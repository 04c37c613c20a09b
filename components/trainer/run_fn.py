"""The entry point that TFX's Trainer calls, by its import path."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from ... import __version__
from ...exported.text_statistics import TextStatistics
from ...model.export import export_model
from ...model.options import TrainerOptions
from ...model.transform_graph import TransformGraph
from ...transform.options import TextOptions
from .backup import Backup
from .cluster import Cluster, check_workers_here, cluster_of
from .distribution import choose_strategy, from_chief, is_chief
from .fit import train
from .precision import Precision, choose_precision
from .row_layout import layout_of
from .run_options import options_of_run
from .same_transform import check_same_transform
from .start import Start, start_of_run
from .threads import check_processes, deal_threads
from .training_record import read_training_record
from .transformed_examples import list_files
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
    train_files = list_files(task["train_files"], "train")
    eval_files = list_files(task["eval_files"], "eval")

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
                **({"stretches": layout_of(strategy)} if text_options.context_tokens else {}),
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

    With `auto`, a training that was killed goes on in the precision that it began with, also on another machine. So
    does a new one, if the backup turns out to be of another corpus.

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
