"""Direct calls of the SavedModel in one process, without a server.

    python -m serving_workers.direct MODEL TEXTS.json

Reads one JSON object per line and answers each with one:

| `mode` | |
|---|---|
| `threads` | as many threads as `clients`; each calls `signature` with one text at a time, `requests` in all |
| `batches` | one thread; texts in batches of `clients`, in order |
| `step` | one more word after 10 and after 1,000 words |
"""

import itertools
import json
import sys
import threading
import time
from pathlib import Path

import tensorflow as tf
from shared.answers import Answers
from tfx_lm.exported.continuation import Continuation
from tfx_lm.exported.exported_model import load_model

from serving_workers import CANDIDATES

STEPS = 200


def call(model, signature, texts):
    """Calls the signature and reads all outputs, as a user would."""
    inputs = {"text": tf.constant(texts)}
    if signature == "next_word":
        inputs["k"] = tf.constant(CANDIDATES, shape=[len(texts)])
    model.call(signature, **inputs)


def threads(model, texts, signature, clients, requests):
    """Calls with one text at a time in each thread."""
    waiting, lock, latencies = itertools.islice(itertools.cycle(texts), requests), threading.Lock(), []

    def work():
        while True:
            with lock:
                text = next(waiting, None)
            if text is None:
                return
            begin = time.perf_counter()
            call(model, signature, [text])
            latencies.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(clients)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"seconds": time.perf_counter() - begin, "latencies": latencies}


def batches(model, texts, signature, clients, requests):
    """Calls with batches of equal size."""
    waiting = list(itertools.islice(itertools.cycle(texts), requests))
    begin = time.perf_counter()
    for first in range(0, requests, clients):
        call(model, signature, waiting[first : first + clients])
    return {"seconds": time.perf_counter() - begin, "latencies": []}


def step(model):
    """Measures the milliseconds of one more word, after 10 and after 1,000 words."""
    times = {}
    for words in (10, 1000):
        continuation = Continuation(model, b"the " * words)
        begin = time.perf_counter()
        for _ in range(STEPS):
            continuation.append(5)
        times[f"step_ms_after_{words}"] = 1000 * (time.perf_counter() - begin) / STEPS
    return times


def main(path, texts_file):
    """Answers until the input ends."""
    answers = Answers()
    model = load_model(path)
    texts = json.loads(Path(texts_file).read_text())
    for line in sys.stdin:
        asked = json.loads(line)
        mode = asked.pop("mode")
        result = (
            step(model) if mode == "step" else {"threads": threads, "batches": batches}[mode](model, texts, **asked)
        )
        answers.send(**result)


if __name__ == "__main__":
    main(*sys.argv[1:])
