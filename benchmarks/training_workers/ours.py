"""Contestant: this package, with the Trainer's code: input pipeline, `build_model`, `fit` or a loop."""

from pathlib import Path

import keras
import tensorflow as tf
from shared.examples import integers, write_examples
from tfx_lm.components.trainer import input_pipeline
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.corpus_counts import count_corpus
from tfx_lm.components.trainer.row_layout import RowLayout
from tfx_lm.components.trainer.threads import deal_threads
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions
from training_workers.epochs import TakeTurns, ready
from training_workers.turns import Turns, specification


def loop(
    model: TrainableLanguageModel, batches: tf.data.Dataset, steps: int, epochs: int, take_turns: TakeTurns
) -> None:
    """Trains like `fit`, without Keras: the compiled step on one batch after the other."""
    step = tf.function(model.train_step, reduce_retracing=True)
    iterator = iter(batches)
    for epoch in range(epochs):
        take_turns.on_epoch_begin(epoch)
        model.reset_metrics()
        for _ in range(steps):
            logs = step(next(iterator))
        take_turns.on_epoch_end(epoch, {name: float(value) for name, value in logs.items()})


def main() -> None:
    """Trains one epoch per turn."""
    turns, asked = Turns(), specification()
    sample = asked["sample"]
    sentences = [ids for batch in sample["batches"] for ids in batch]
    # The boundaries of the whole corpus; the sample fills every batch.
    buckets = Buckets(tuple(sample["boundaries"]), tuple(sample["sizes"]), len(sample["batches"]), padding=0.0)
    options = TrainerOptions.parse({**asked["options"], "epochs": asked["most_rounds"]})
    # Before TensorFlow runs anything, as in `run_fn`.
    shares = deal_threads(options.batch_tokens)
    examples = ({"ids": integers(ids)} for ids in sentences)
    files = [write_examples(Path(asked["folder"]) / "sentences.gz", examples)]
    counts = count_corpus(files, asked["vocabulary"], "train")
    keras.utils.set_random_seed(options.seed)
    model = build_model(options, asked["vocabulary"], buckets.batches * options.epochs, shares)
    model.start_from_frequencies(counts.targets)
    ready(turns, model)
    batches = input_pipeline.training_batches(files, RowLayout(counts, buckets), options.seed, 0, 0, options.epochs)
    take_turns = TakeTurns(turns, counts.tokens)
    if asked["fit"]:
        model.fit(
            batches,
            steps_per_epoch=buckets.batches,
            epochs=options.epochs,
            shuffle=False,
            callbacks=[take_turns],
            verbose=0,
        )
    else:
        loop(model, batches, buckets.batches, options.epochs, take_turns)


if __name__ == "__main__":
    main()
