"""Precision of a training: what `precision=auto` stands for on this machine."""

from __future__ import annotations

import os
from typing import NamedTuple

import tensorflow as tf

from ...cpu_info import CPU_INFO, first_core
from ...model.options import TrainerOptions
from .distribution import choose_distribution
from .training_record import read_training_record

# What Linux calls the instructions that multiply bfloat16, the faster first, and their names.
_INSTRUCTIONS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512_BF16"}
# The first GPUs that multiply bfloat16.
_GPU = (8, 0)


class Precision(NamedTuple):
    """The precision of a training's matrix products.

    Attributes:
        value: `float32` or `bfloat16`.
        reason: Why, as the end of a sentence: `bfloat16, since this processor multiplies it: AMX`.
    """

    value: str
    reason: str

    def __str__(self) -> str:
        """Returns value and reason."""
        return f"{self.value}, since {self.reason}"


def choose_precision(options: TrainerOptions) -> Precision:
    """Returns the precision that the options ask for, or what `auto` stands for on this machine.

    `auto` is bfloat16 on a TPU, on GPUs of compute capability 8.0 and later, and on a processor that has AMX_BF16 or
    AVX512_BF16 and a TensorFlow that uses them; float32 elsewhere.

    Args:
        options: The trainer's options.
    """
    if options.precision == TrainerOptions.model_fields["precision"].default:
        return Precision(options.precision, "it is the default")
    if options.precision != "auto":
        return Precision(options.precision, "precision is set to it")
    distribution = choose_distribution(options.distribution).value
    if distribution == "tpu":
        return Precision("bfloat16", "a TPU multiplies it")
    gpus = tf.config.list_physical_devices("GPU")
    if distribution == "one_device":
        gpus = gpus[:1]
    return _of_gpus(gpus) if gpus else _of_processor()


def read_precision(model_run_uri: str) -> Precision | None:
    """Returns the precision that a training had, from its `training.json`.

    Args:
        model_run_uri: Folder of the `model_run` artifact.

    Returns:
        None if there is no such file, as TFX's own Trainer leaves it, or another release wrote it.
    """
    recorded = (read_training_record(model_run_uri) or {}).get("precision")
    return None if recorded is None else Precision(recorded["value"], recorded["reason"])


def _of_gpus(gpus: list[tf.config.PhysicalDevice]) -> Precision:
    """Returns the precision of the oldest GPU, as all of them take the same steps."""
    found = [tf.config.experimental.get_device_details(gpu).get("compute_capability") for gpu in gpus]
    known = [capability for capability in found if capability is not None]
    if len(known) < len(found):
        return Precision("float32", "TensorFlow does not say whether the GPU multiplies bfloat16")
    lowest = min(known)
    text = ".".join(map(str, lowest))
    if lowest < _GPU:
        return Precision("float32", f"a GPU of compute capability {text} does not multiply bfloat16")
    return Precision("bfloat16", f"the GPU multiplies it: compute capability {text}")


def _of_processor() -> Precision:
    flags = first_core(CPU_INFO).get("flags", "").split()
    found = [name for flag, name in _INSTRUCTIONS.items() if flag in flags]
    if not found:
        return Precision("float32", f"this processor has no {' and no '.join(_INSTRUCTIONS.values())}")
    # Without oneDNN, TensorFlow converts to float32 and back.
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() in ("0", "false"):
        return Precision("float32", "TF_ENABLE_ONEDNN_OPTS turns bfloat16 products off")
    return Precision("bfloat16", f"this processor multiplies it: {found[0]}")
