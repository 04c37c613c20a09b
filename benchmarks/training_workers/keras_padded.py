"""Contestant: Keras as most people write it. Sentences padded to one length, `mask_zero=True`, `fit`.

Keras passes the embedding's mask through the layers to the loss, which leaves the padding out. A batch has as many
positions as ours.
"""

from typing import Any

import keras
import numpy as np
from training_workers.epochs import TakeTurns, ready
from training_workers.turns import Turns, specification


def build_model(vocabulary: int, options: dict[str, Any]) -> keras.Model:
    """Returns the model, compiled, with the trainer's options."""
    units, dropout = options["units"], options["dropout"]
    layers = [keras.layers.Embedding(vocabulary, units, mask_zero=True), keras.layers.Dropout(dropout)]
    for _ in range(options["layers"]):
        layers += [keras.layers.LSTM(units, return_sequences=True), keras.layers.Dropout(dropout)]
    model = keras.Sequential([*layers, keras.layers.Dense(vocabulary)])
    model.compile(
        optimizer=keras.optimizers.Adam(options["learning_rate"], global_clipnorm=options["clip_norm"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def padded(sentences: list[list[int]], length: int, start_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs and targets, [sentences, length] int64, 0 on padding.

    Example: targets 7, 9, 3 with length 5 and start 2 are inputs 2, 7, 9, 0, 0 and targets 7, 9, 3, 0, 0.
    """
    targets = keras.utils.pad_sequences(sentences, length, dtype="int64", padding="post", truncating="post")
    inputs = keras.utils.pad_sequences(
        [[start_id, *ids[:-1]] for ids in sentences], length, dtype="int64", padding="post", truncating="post"
    )
    return inputs, targets


def main() -> None:
    """Trains one epoch per turn."""
    turns, asked = Turns(), specification()
    sample, options = asked["sample"], asked["options"]
    sentences = [ids for batch in sample["batches"] for ids in batch]
    keras.utils.set_random_seed(options["seed"])
    inputs, targets = padded(sentences, asked["padded_length"], sample["start_id"])
    model = build_model(asked["vocabulary"], options)
    model.build(inputs.shape)
    model.optimizer.build(model.trainable_variables)
    ready(turns, model)
    model.fit(
        inputs,
        targets,
        batch_size=max(1, options["batch_tokens"] // asked["padded_length"]),
        epochs=asked["most_rounds"],
        callbacks=[TakeTurns(turns, int(np.count_nonzero(targets)))],
        verbose=0,
    )


if __name__ == "__main__":
    main()
