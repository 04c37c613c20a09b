"""Peer: the same model in a plain loop."""

import math
import sys
import time
from pathlib import Path

import tensorflow as tf
from evaluation_workers import scores
from shared.answers import Answers

BATCH = 256
# Number of sentences sorted by length together, so that a batch wastes little.
WINDOW = 1000


def main(model: str, examples: str) -> None:
    """Scores all examples once."""
    answers = Answers()
    loaded = tf.saved_model.load(model)
    evaluate = tf.function(loaded.signatures["evaluate"])
    files = [str(path) for path in Path(examples).glob("Split-eval/*.gz")]
    begin = time.perf_counter()
    nll, tokens = 0.0, 0.0
    for window in tf.data.TFRecordDataset(files, "GZIP").batch(WINDOW).prefetch(1):
        window = tf.gather(window, tf.argsort(tf.strings.length(window)))
        for start in range(0, len(window), BATCH):
            outputs = evaluate(examples=window[start : start + BATCH])
            nll += float(outputs["nll"].numpy().astype("float64").sum())
            tokens += float(outputs["tokens"].numpy().astype("float64").sum())
    seconds = time.perf_counter() - begin
    scores.send(answers, seconds, int(tokens), math.exp(nll / tokens))


if __name__ == "__main__":
    main(*sys.argv[1:])
