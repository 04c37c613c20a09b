"""The options of the trainer, checked before any work."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

from ..transform.vocabulary import RESERVED

CHOICES = {
    "output": ("full", "adaptive"),
    "precision": ("float32", "bfloat16"),
    "distribution": ("auto", "one_device", "mirrored", "multi_worker", "tpu"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("plateau", "cosine"),
}


@dataclasses.dataclass(frozen=True)
class TrainerOptions:
    """What `custom_config["trainer"]` must hold: all of these keys and no others.

    There are no defaults here: the pipeline's configuration has them, and a default in two places is one too
    many.

    Attributes:
        embedding_units: Width of the word embedding.
        units: Width of each LSTM layer.
        layers: Number of LSTM layers.
        dropout: Fraction of units dropped in training, 0 ≤ dropout < 1.
        variational_dropout: Whether all steps of a sentence drop the same units.
        tied_embedding: Whether the output projection is the embedding matrix, transposed.
        output: "full", a softmax over the vocabulary, or "adaptive", a softmax over the frequent words and one
            over each cluster of rarer ones.
        adaptive_cutoffs: With "adaptive", the ids at which a cluster begins, rising.
        precision: "float32", or "bfloat16" for products in it; weights, logits and sums stay in float32.
        distribution: "auto", "one_device", "mirrored", "multi_worker" or "tpu"; see `distribution`.
        batch_tokens: Positions of a batch, padding included: a batch of sentences up to length T has
            batch_tokens // T of them.
        epochs: The most passes over the training data.
        optimizer: "adamw" or "sgd".
        learning_rate: The optimizer's learning rate, after the warm-up.
        weight_decay: What each step takes off the weights, times the learning rate; biases are left alone.
        schedule: "plateau" cuts the learning rate where the validation perplexity stands still, "cosine" lets it
            fall to 0 over all epochs.
        warmup_steps: With "cosine", the steps over which the learning rate first rises from 0.
        clip_norm: The largest global norm of the gradients.
        plateau_patience: Epochs without a better validation perplexity before the learning rate is cut.
        plateau_factor: What the learning rate is multiplied by then, 0 < factor < 1.
        early_stopping_patience: Epochs without a better validation perplexity before training stops.
        seed: Seed of the initial weights, the dropout and the order of the sentences.
    """

    embedding_units: int
    units: int
    layers: int
    dropout: float
    variational_dropout: bool
    tied_embedding: bool
    output: str
    adaptive_cutoffs: tuple[int, ...]
    precision: str
    distribution: str
    batch_tokens: int
    epochs: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    warmup_steps: int
    clip_norm: float
    plateau_patience: int
    plateau_factor: float
    early_stopping_patience: int
    seed: int

    def __post_init__(self):
        for name in (
            "embedding_units",
            "units",
            "layers",
            "batch_tokens",
            "epochs",
            "plateau_patience",
            "early_stopping_patience",
        ):
            self._require(name, getattr(self, name) >= 1, ">= 1")
        self._require("dropout", 0 <= self.dropout < 1, ">= 0 and < 1")
        self._require("learning_rate", 0 < self.learning_rate < float("inf"), "> 0 and finite")
        self._require("clip_norm", self.clip_norm > 0, "> 0")
        self._require("plateau_factor", 0 < self.plateau_factor < 1, "> 0 and < 1")
        self._require("weight_decay", 0 <= self.weight_decay < float("inf"), ">= 0 and finite")
        self._require("warmup_steps", self.warmup_steps >= 0, ">= 0")
        for name, allowed in CHOICES.items():
            self._require(name, getattr(self, name) in allowed, f"one of {', '.join(allowed)}")
        if self.output == "adaptive":
            rising = self.adaptive_cutoffs and all(
                low < high for low, high in itertools.pairwise((len(RESERVED), *self.adaptive_cutoffs))
            )
            self._require("adaptive_cutoffs", bool(rising), f"rising ids above {len(RESERVED)}")
        self._require("seed", 0 <= self.seed < 2**31, ">= 0 and < 2**31")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TrainerOptions:
        """Reads the options from `custom_config["trainer"]`.

        Args:
            config: The mapping, as it came through TFX (JSON).

        Returns:
            The options, each with the type that its field declares.

        Raises:
            ValueError: for a missing or unknown key, a value of another type or out of its range.
        """
        fields = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        missing = sorted(fields.keys() - config.keys())
        unknown = sorted(config.keys() - fields.keys())
        if missing:
            raise ValueError(f'custom_config["trainer"] lacks {", ".join(missing)}: set trainer.{missing[0]}')
        if unknown:
            raise ValueError(
                f'custom_config["trainer"] has unknown keys {", ".join(unknown)}; known are {", ".join(fields)}'
            )
        return cls(**{name: _typed(name, config[name], fields[name]) for name in fields})

    def _require(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise ValueError(f"{name}={getattr(self, name)}: must be {allowed}; set trainer.{name}")


def _typed(name: str, value: Any, type_name: str) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if type_name == "bool" and isinstance(value, bool):
        return value
    if type_name == "str" and isinstance(value, str):
        return value
    if type_name == "tuple[int, ...]" and isinstance(value, list | tuple):
        return tuple(_typed(name, item, "int") for item in value)
    if type_name == "int" and is_number and math.isfinite(value) and value == int(value):
        return int(value)
    if type_name == "float" and is_number:
        return float(value)
    raise ValueError(f"{name}={value!r}: must be of type {type_name}; set trainer.{name}")
