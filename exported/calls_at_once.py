"""Calls of a model side by side, as one does not keep all cores busy."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import joblib
import numpy as np
import tensorflow as tf

Outputs = TypeVar("Outputs")

# Each call holds the logits of its batch.
MOST_CALLS_AT_ONCE = 4


def call_for_each(
    call: Callable[[np.ndarray], Outputs], batches: Sequence[np.ndarray]
) -> Iterator[tuple[np.ndarray, Outputs]]:
    """Calls a model for each batch, several at once.

    A step of an LSTM does not keep several cores busy: on two cores, two calls at once are 1.27 times as fast. All
    threads of a process, such as Beam's workers, together make no more calls at once than there are cores (in a
    container, than it may use), and at most `MOST_CALLS_AT_ONCE`.

    Args:
        call: Calls the model with the rows of a batch; may be called in any thread.
        batches: From `batches.batches_by_length`.

    Yields:
        Each batch and its outputs, in the order of the batches.
    """
    most = min(MOST_CALLS_AT_ONCE, joblib.cpu_count())
    free = _free_calls(most)

    def call_when_free(rows: np.ndarray) -> Outputs:
        with free:
            return call(rows)

    with ThreadPoolExecutor(most) as threads:
        yield from zip(batches, threads.map(call_when_free, batches), strict=True)


def one_thread_for_each_call() -> None:
    """Lets each operation have one thread, if there are as many calls at once as cores; for a process that scores.

    All operations of a process share their threads. Calls that share the cores would wait for each other: on two cores,
    two calls whose operations have one thread are 1.2 times as fast as with two. With more cores than calls, or an
    accelerator, nothing is changed. The number can only be set before TensorFlow does anything: in a process that has
    used it already it stays as it is, and so does one set by the user.
    """
    if (
        joblib.cpu_count() <= MOST_CALLS_AT_ONCE
        and tf.config.threading.get_intra_op_parallelism_threads() == 0
        and "TF_NUM_INTRAOP_THREADS" not in os.environ
        and not any(tf.config.list_physical_devices(kind) for kind in ("GPU", "TPU"))
    ):
        with contextlib.suppress(RuntimeError):  # TensorFlow is at work already.
            tf.config.threading.set_intra_op_parallelism_threads(1)


@functools.cache
def _free_calls(most: int) -> threading.BoundedSemaphore:
    """Returns the calls that may still begin in this process."""
    return threading.BoundedSemaphore(most)
