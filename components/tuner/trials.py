"""Trials of a search: each trains a model and reports its lowest validation perplexity to Keras Tuner."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import keras
import keras_tuner
import tensorflow as tf
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as keras_trial

from ... import atomic_file, progress
from ...model.options import TrainerOptions
from ...model.transform_graph import TransformGraph
from ...transform.options import TextOptions
from ..trainer.backup import Backup
from ..trainer.corpus_counts import CorpusCounts, count_corpus, digest_of
from ..trainer.distribution import choose_strategy
from ..trainer.divergence import DivergenceError
from ..trainer.fit import train
from ..trainer.precision import Precision, choose_precision
from ..trainer.row_layout import lay_out, layout_of
from ..trainer.run_options import tuned
from ..trainer.same_transform import check_same_transform
from ..trainer.threads import deal_threads
from ..trainer.training_record import read_training_record
from ..trainer.transformed_examples import list_files
from .data_checks import check_values_fit, check_warmup_fits
from .options import TunerOptions
from .oracle import PERPLEXITY, combinations, make_oracle
from .results import value_text


class Trials(base_tuner.BaseTuner):
    """Keras Tuner's search over the options of our trainer.

    Each trial is the Trainer's own training, on the same batches, with the same loss and the same validation: its
    score is the lowest masked validation perplexity of its epochs. A trial that diverges is recorded as failed.

    What a trial reached is kept in `directory`, by its options. A search that was killed is made again there: trials
    that ended are read, not trained, so the oracle proposes the same ones, and the one that was under way goes on from
    its backup. Keras Tuner's own state is of no use for that: it is not written in one piece, and a restored oracle
    proposes other trials.

    Attributes:
        outcomes: The trials that ended, in their order, JSON types: `values`; `perplexity`, None if it failed;
            `failure`, why, a template of `SettingError`, or None; and `seconds`.

    Args:
        options: The options of the search.
        trainer: The options of the trainer; those that are tried are the first trial.
        text: The options of the text.
        files: Patterns of the transformed Examples, by split `train` and `eval`.
        transform_output: The folder of the Transform graph.
        directory: The folder of all searches. Each has a folder of its own there, named by a digest of the corpus and
            of `identity`.
        identity: What else the search depends on, JSON types.

    Raises:
        SettingError: A value cannot be trained on these files.
    """

    def __init__(
        self,
        options: TunerOptions,
        trainer: TrainerOptions,
        text: TextOptions,
        files: Mapping[str, list[str]],
        transform_output: str,
        directory: str,
        identity: Mapping[str, Any],
    ):
        # TensorFlow's threads are dealt once for a process, and before it does anything.
        deal_threads(trainer.batch_tokens)
        self._strategy = choose_strategy(trainer.distribution)
        self._options = options
        self._trainer = trainer
        self._files = {split: list_files(list(patterns), split) for split, patterns in files.items()}
        transform = TransformGraph(transform_output)
        check_same_transform(transform, text)
        self._vocabulary_size = transform.vocabulary_size
        counts = {split: count_corpus(of, self._vocabulary_size, split) for split, of in self._files.items()}
        longest = max(len(counted.lengths) - 1 for counted in counts.values())
        check_values_fit(options, trainer, longest, self._vocabulary_size)
        check_warmup_fits(options, trainer, counts["train"].tokens, lambda size: self._batches(counts["train"], size))
        self.outcomes: list[dict[str, Any]] = []
        oracle = make_oracle(options, trainer)
        self._combinations = combinations(oracle.hyperparameters)
        corpus = {"corpus": digest_of(*counts.values())}
        if counts["train"].longest_context:
            corpus["stretches"] = str(layout_of(self._strategy))
        whole = json.dumps({**identity, **corpus}, sort_keys=True)
        folder = f"{directory}/search-{hashlib.sha256(whole.encode()).hexdigest()[:16]}"
        super().__init__(oracle, directory=folder, project_name="keras_tuner", overwrite=True)
        oracle.verbose = 0

    def pre_create_trial(self) -> None:
        """Ends the search when its minutes are over."""
        seconds = sum(outcome["seconds"] for outcome in self.outcomes)
        if self._options.max_minutes is not None and seconds >= 60 * self._options.max_minutes:
            self.oracle.max_trials = len(self.outcomes)

    def on_search_end(self) -> None:
        """Says why there are fewer trials than asked for, if the space has no more."""
        if len(self.outcomes) == self._combinations < self._options.trials:
            progress.report(f"all {self._combinations} combinations tried", 1.0)

    def run_trial(self, trial: keras_trial.Trial, **fit_kwargs: Any) -> dict[str, float]:
        """Trains with the values of a trial, unless that was done before a kill.

        Args:
            trial: Keras Tuner's trial.
            **fit_kwargs: Not used.

        Returns:
            `validation_perplexity`: the lowest of all epochs.

        Raises:
            keras_tuner.errors.FailedTrialError: The training diverged.
            keras_tuner.errors.FatalError: Any other error.
        """
        number, values = len(self.outcomes) + 1, trial.hyperparameters.values
        shown = ", ".join(f"{name} {value_text(value)}" for name, value in values.items())
        planned = min(self._options.trials, self._combinations)
        share = 1 / planned
        with progress.part(f"trial {number} of {planned} ({shown})", (number - 1) * share, share):
            progress.report("starts", 0.0)
            try:
                outcome = self._outcome(values)
            except Exception as error:
                # Keras Tuner would take it for a bad trial.
                raise keras_tuner.errors.FatalError(str(error)) from error
        self.outcomes.append(outcome)
        if outcome["failure"] is not None:
            raise keras_tuner.errors.FailedTrialError(outcome["failure"])
        return {PERPLEXITY: outcome["perplexity"]}

    def forget(self) -> None:
        """Deletes the folder of the search, which is over."""
        tf.io.gfile.rmtree(self.directory)

    def _outcome(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the entry of a trial in `outcomes`, recorded or new."""
        epochs = self._options.trial_epochs or self._trainer.epochs
        options = tuned(self._trainer.model_copy(update={"epochs": epochs}), {"values": dict(values)})
        precision = choose_precision(options)
        identity = json.dumps({**options.identity(), "precision": precision.value}, sort_keys=True)
        folder = f"{self.directory}/trial-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        record = f"{folder}.json"
        if tf.io.gfile.exists(record):
            with tf.io.gfile.GFile(record) as file:
                outcome: dict[str, Any] = json.load(file)
            # The space that it was recorded in may have had other options, in another order.
            return {**outcome, "values": dict(values)}
        started = time.monotonic()
        perplexity, failure = None, None
        try:
            perplexity = self._train(options, precision, folder)
        except DivergenceError as error:
            failure = error.template
        seconds = round(time.monotonic() - started, 3)
        outcome = {"values": dict(values), "perplexity": perplexity, "failure": failure, "seconds": seconds}
        atomic_file.write_text(record, json.dumps(outcome))
        if tf.io.gfile.exists(folder):
            tf.io.gfile.rmtree(folder)
        return outcome

    def _batches(self, counts: CorpusCounts, batch_tokens: int) -> int:
        """Returns the batches of an epoch, as the Trainer makes them."""
        return lay_out(self._files["train"], counts, batch_tokens, self._strategy).buckets.batches

    def _train(self, options: TrainerOptions, precision: Precision, folder: str) -> float:
        keras.backend.clear_session()
        # As the Trainer will: the shares of a batch decide what dropout drops.
        shares = deal_threads(options.batch_tokens)
        with self._strategy.scope():
            backup = Backup(folder, {})
            train(
                options, self._files["train"], self._files["eval"], self._vocabulary_size, backup, folder,
                shares, precision,
            )  # fmt: skip
        record = read_training_record(folder) or {}
        return min(float(epoch[PERPLEXITY]) for epoch in record["epochs"])
