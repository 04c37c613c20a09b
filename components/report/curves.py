"""Training curves, from the Trainer's TensorBoard events."""

from __future__ import annotations

import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

TRAIN, VALIDATION = "train", "validation"

# Name -> epoch -> value.
Curves = dict[str, dict[int, float]]


def read_curves(model_run_uri: str) -> dict[str, Curves]:
    """Reads the records of a training.

    Args:
        model_run_uri: Folder of the `model_run` artifact.

    Returns:
        The curves of `train` and `validation`, such as `{"train": {"loss": {1: 5.2, 2: 4.8}}, "validation": {}}`, in
        the order of the epochs. If an epoch was recorded twice, after a resume, the later one counts.
    """
    return {run: _read(f"{model_run_uri}/{run}") for run in (TRAIN, VALIDATION)}


def _read(folder: str) -> Curves:
    curves: Curves = {}
    # TensorBoard's file names begin with the time.
    for file in sorted(tf.io.gfile.glob(f"{folder}/events.out.tfevents.*")):
        for event in EventFileLoader(file).Load():
            for value in event.summary.value:
                if value.HasField("tensor") and value.tensor.dtype == tf.float32.as_datatype_enum:
                    curves.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return {name: dict(sorted(points.items())) for name, points in sorted(curves.items())}
