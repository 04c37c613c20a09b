"""Contestant: this package, by the code that the Trainer runs: input pipeline, `build_model`, `fit` or a loop."""

import json
from pathlib import Path

import keras
import tensorflow as tf
from epochs import TakeTurns
from tfx_lm.components.trainer import input_pipeline
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.run_fn import build_model
from tfx_lm.components.trainer.threads import deal_threads
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.model.options import TrainerOptions
from turns import Turns, specification


def write_examples(sentences: list[list[int]], path: Path) -> str:
    """Writes transformed examples as Transform does, and returns the name of the file."""
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for ids in sentences:
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=ids))
            writer.write(tf.train.Example(features=tf.train.Features(feature={"ids": feature})).SerializeToString())
    return str(path)


def loop(
    model: TrainableLanguageModel, batches: tf.data.Dataset, steps: int, epochs: int, take_turns: TakeTurns
) -> None:
    """What `fit` does, without Keras: the compiled step on one batch after the other."""
    step = tf.function(model.train_step, reduce_retracing=True)
    iterator = iter(batches)
    for epoch in range(epochs):
        take_turns.on_epoch_begin(epoch)
        model.reset_metrics()
        for _ in range(steps):
            logs = step(next(iterator))
        take_turns.on_epoch_end(epoch, {name: float(value) for name, value in logs.items()})


def main() -> None:
    """Trains epoch by epoch, each when it is its turn."""
    turns, asked = Turns(), specification()
    sample = json.loads(Path(asked["sample"]).read_text())
    sentences = [ids for batch in sample["batches"] for ids in batch]
    # The boundaries of the whole corpus; the sample fills every batch.
    buckets = Buckets(tuple(sample["boundaries"]), tuple(sample["sizes"]), len(sample["batches"]), padding=0.0)
    options = TrainerOptions.from_config(
        {
            "embedding_units": asked["units"],
            "units": asked["units"],
            "batch_tokens": asked["batch_tokens"],
            "epochs": asked["most_rounds"],
            "tied_embedding": asked["tied"],
            "output": asked["output"],
            "adaptive_cutoffs": asked["adaptive_cutoffs"],
            "precision": asked["precision"],
        }
    )
    # Before TensorFlow runs anything else, as in `run_fn`.
    shares = deal_threads(options.batch_tokens)
    files = [write_examples(sentences, Path(asked["folder"]) / "sentences.gz")]
    counts = input_pipeline.count_corpus(files, asked["vocabulary"], "train")
    keras.utils.set_random_seed(options.seed)
    model = build_model(options, asked["vocabulary"], buckets.batches * options.epochs, shares)
    model.start_from_frequencies(counts.targets)
    state = [*model.trainable_variables, *model.optimizer.variables]
    turns.ready(state_bytes=sum(variable.value.dtype.size * int(tf.size(variable.value)) for variable in state))
    batches = input_pipeline.training_batches(files, buckets, options.seed, 0, 0, options.epochs)
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
