"""Peer: the same model in a plain loop."""

import json
import math
import resource
import sys
import time
from pathlib import Path

import tensorflow as tf

BATCH = 256
# So many sentences are sorted by length, so that a batch wastes little.
WINDOW = 1000


def main(model: str, examples: str) -> None:
    """Scores all examples once."""
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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    found = {"seconds": seconds, "tokens": int(tokens), "perplexity": math.exp(nll / tokens), "peak_megabytes": peak}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
