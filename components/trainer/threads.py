"""Threads of a training on a processor: how it uses the cores."""

from __future__ import annotations

import contextlib

import joblib
import tensorflow as tf

from ...errors import SettingError

# With fewer tokens than this, the matrix products of a share are too small to be fast.
SHARE_TOKENS = 256


def deal_threads(batch_tokens: int, processes: int = 1) -> int:
    """Gives each share of a batch its own threads, if there is no accelerator.

    An LSTM's step is a small product and some smaller operations; spread over all cores, they wait for each other
    most of the time. Measured on 2 cores, two layers of 200 units and 10,000 words, a whole training step: 87 µs
    a token on all threads, 83 in two shares, 74 in two shares with one thread for each operation.

    The number of threads of an operation can only be set before TensorFlow does anything: in a process that has
    used it already it stays as it is, and so does one set by the user. Our runners start a process for each node.

    Args:
        batch_tokens: Positions of the part of a batch that this process computes.
        processes: How many processes share the cores of this machine.

    Returns:
        Into how many shares to deal a batch: one on an accelerator, else as many as there are cores if each has
        enough to do.
    """
    if not on_processor():
        return 1
    # Those that this process may use: a container is often allowed a few of the machine's.
    cores = max(1, joblib.cpu_count() // processes)
    shares = max(1, min(cores, batch_tokens // SHARE_TOKENS))
    if tf.config.threading.get_intra_op_parallelism_threads() == 0:
        with contextlib.suppress(RuntimeError):  # TensorFlow is at work already.
            tf.config.threading.set_intra_op_parallelism_threads(max(1, cores // shares))
    return shares


def check_processes(workers: int) -> None:
    """Checks that several processes of this machine do not have to share its accelerators.

    Raises:
        SettingError: They would have to.
    """
    if workers > 1 and not on_processor():
        raise SettingError(
            f"{{workers}}={workers}: this machine has an accelerator, and one process uses all of them; set "
            "{workers}=1"
        )


def on_processor() -> bool:
    """Returns whether training runs on the processor, since TensorFlow sees no accelerator."""
    return not any(tf.config.list_physical_devices(kind) for kind in ("GPU", "TPU"))
