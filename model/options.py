"""The options of the trainer. Their only definition: types, bounds, defaults and comments."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ..errors import SettingError
from ..settings import Number, Settings, WholeNumber

__all__ = ["FIRST_CUTOFF", "TrainerOptions"]

FIRST_CUTOFF = 5
"""Below it, all frequent ids would be reserved tokens. A number, since `vocabulary.RESERVED` imports TensorFlow."""


class TrainerOptions(Settings):
    """The LSTM and how it is trained.

    Worked example: `TrainerOptions(units=32)` is a narrow model; all else keeps its default.
    """

    # Width of the word embedding.
    embedding_units: WholeNumber = Field(200, ge=1, le=65_536)
    # Width of each LSTM layer.
    units: WholeNumber = Field(200, ge=1, le=65_536)
    # Number of LSTM layers.
    layers: WholeNumber = Field(2, ge=1, le=16)
    # Share of activations dropped behind the embedding and each LSTM layer, also the last one, while training.
    dropout: Number = Field(0.2, ge=0.0, lt=1.0)
    # Whether all steps of a sentence drop the same activations.
    variational_dropout: bool = Field(False, strict=True)
    # Whether the input of each layer is added to its output; of the first one only if embedding_units is units.
    residual: bool = Field(False, strict=True)
    # Whether the output layer uses the embedding's weights.
    tied_embedding: bool = Field(True, strict=True)
    # full: a softmax over the whole vocabulary; adaptive: over frequent words and clusters of rarer ones (faster).
    output: Literal["full", "adaptive"] = "full"
    # With adaptive: the ids at which a cluster begins; ids rise from the most frequent word to the rarest.
    # Those beyond the vocabulary are dropped; one at least must lie inside.
    adaptive_cutoffs: tuple[Annotated[WholeNumber, Field(ge=FIRST_CUTOFF)], ...] = (2000, 10000)
    # bfloat16: matrix products in bfloat16, weights and sums in float32; for processors that are faster in it.
    # auto: bfloat16 on those, on a TPU and on GPUs that have such products, float32 elsewhere.
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    # auto: the first that is available of a TPU, several workers (TF_CONFIG), several GPUs, one device.
    distribution: Literal["auto", "one_device", "mirrored", "multi_worker", "tpu"] = "auto"
    # Processes of this machine that train together, at most one for each processor. More than 1 is for trying several
    # workers out, and no faster: one process already uses all processors.
    workers: WholeNumber = Field(1, ge=1, le=256)
    # Seconds to wait for a worker that has not come, on this machine or another; the training then ends.
    worker_timeout_seconds: Number = Field(600.0, gt=0.0, le=604_800.0)
    # Real and padded tokens in a batch; the number of sentences follows from their length.
    batch_tokens: WholeNumber = Field(2048, ge=2)
    # Most passes over the training data.
    epochs: WholeNumber = Field(10, ge=1)
    # adamw: Adam with decoupled weight decay; sgd: plain stochastic gradient descent.
    optimizer: Literal["adamw", "sgd"] = "adamw"
    # The optimizer's learning rate, after the warm-up.
    learning_rate: Number = Field(0.003, gt=0.0)
    # Decay of the weights in each step, times the learning rate; biases do not decay.
    weight_decay: Number = Field(0.0, ge=0.0)
    # plateau: cut the learning rate when the validation perplexity stops falling; cosine: lower it to 0 by the end.
    schedule: Literal["plateau", "cosine"] = "plateau"
    # With cosine: steps over which the learning rate first rises from 0.
    warmup_steps: WholeNumber = Field(0, ge=0)
    # Largest global norm of the gradients.
    clip_norm: Number = Field(1.0, gt=0.0)
    # Momentum, in each step, of an exponential moving average of the weights; 0: no average. Validation, early stopping
    # and the exported model use the average. It takes as much memory as the weights. The momentum of a step is at most
    # (1 + step) / (20 + step), so 0.98 counts from step 930 on.
    ema_momentum: Number = Field(0.0, ge=0.0, lt=1.0)
    # A step whose loss or gradient is not finite: stop ends the training with an error; skip leaves the step out, as if
    # its gradient were zero, and ends it if more than 10 steps of an epoch and more than 1 % of them are skipped.
    on_nonfinite: Literal["stop", "skip"] = "stop"
    # Epochs without a better validation perplexity before the learning rate is cut ...
    plateau_patience: WholeNumber = Field(1, ge=1)
    # ... to this share of itself.
    plateau_factor: Number = Field(0.5, gt=0.0, lt=1.0)
    # Epochs without a better validation perplexity before training ends.
    early_stopping_patience: WholeNumber = Field(3, ge=1)
    # Seed of initial weights, dropout and the order of batches.
    seed: WholeNumber = Field(1, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _cutoffs_rise(self) -> TrainerOptions:
        cutoffs = self.adaptive_cutoffs
        rising = all(low < high for low, high in itertools.pairwise(cutoffs))
        if not rising or (self.output == "adaptive" and not cutoffs):
            raise SettingError(f"{{adaptive_cutoffs}}={list(cutoffs)}: must be rising ids; set {{adaptive_cutoffs}}")
        return self

    @model_validator(mode="after")
    def _workers_are_distributed(self) -> TrainerOptions:
        if self.workers > 1 and self.distribution not in ("auto", "multi_worker"):
            raise SettingError(
                f"{{workers}}={self.workers}: {{distribution}}={self.distribution} trains in one process; set "
                "{distribution}=auto, or {workers}=1"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Returns the options that decide what is trained, JSON types: all but how many workers do it."""
        options = self.model_dump(mode="json", exclude={"workers", "worker_timeout_seconds"})
        # So that a training that was begun before there were these options goes on.
        return {name: value for name, value in options.items() if value or name not in ("ema_momentum", "residual")}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TrainerOptions:
        """Reads the options from `custom_config["trainer"]`, as it came through TFX (JSON).

        Args:
            config: The options that differ from their defaults, or all.

        Returns:
            The options.

        Raises:
            SettingError: An unknown option, or a value that cannot be used.
        """
        return cls.parse(config)
