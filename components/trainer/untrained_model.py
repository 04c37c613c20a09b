"""The untrained model of a trainer's options, compiled, for the device that trains."""

from __future__ import annotations

import keras

from ...model.adaptive import fitting_cutoffs
from ...model.devices import on_gpu
from ...model.gpu_lstm import GpuLSTM
from ...model.lstm import ProcessorLSTM
from ...model.options import TrainerOptions
from .optimizer import build_optimizer
from .precision import choose_precision
from .threads import on_processor
from .training import TrainableLanguageModel


def build_model(options: TrainerOptions, vocabulary_size: int, steps: int, shares: int = 1) -> TrainableLanguageModel:
    """Returns the untrained model, compiled, with all variables made.

    Args:
        options: The trainer's options.
        vocabulary_size: The number of ids.
        steps: How many optimizer steps the whole training takes.
        shares: Number of shares of a batch; see `threads`.
    """
    cutoffs = fitting_cutoffs(options.adaptive_cutoffs, vocabulary_size) if options.output == "adaptive" else ()
    model = TrainableLanguageModel(
        clip_norm=options.clip_norm,
        seed=options.seed,
        shares=shares,
        lstm_layer=_lstm_layer(),
        vocabulary_size=vocabulary_size,
        embedding_units=options.embedding_units,
        units=options.units,
        layers=options.layers,
        dropout=options.dropout,
        variational_dropout=options.variational_dropout,
        residual=options.residual,
        tied_embedding=options.tied_embedding,
        adaptive_cutoffs=cutoffs,
        dtype="mixed_bfloat16" if choose_precision(options).value == "bfloat16" else "float32",
    )
    # Each batch has another shape; XLA would compile each of them.
    model.compile(optimizer=build_optimizer(options, steps), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def _lstm_layer() -> type[keras.layers.LSTM]:
    """Returns the class of the LSTM layers for the device that trains; Keras's own on a TPU."""
    if on_processor():
        return ProcessorLSTM
    return GpuLSTM if on_gpu() else keras.layers.LSTM
