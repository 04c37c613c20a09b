"""Worker: trains with the Trainer's own code on the first accelerator, in one precision, with XLA or without."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from accelerator_workers.agreement import differences
from accelerator_workers.profile import cudnn_evidence, names_that_ran
from shared.examples import integers, write_examples
from tfx_lm.components.trainer import input_pipeline
from tfx_lm.components.trainer.buckets import Buckets
from tfx_lm.components.trainer.corpus_counts import count_corpus
from tfx_lm.components.trainer.distribution import choose_distribution, choose_strategy
from tfx_lm.components.trainer.optimizer import build_optimizer
from tfx_lm.components.trainer.replica_batches import compiles, distribute, fill
from tfx_lm.components.trainer.row_layout import RowLayout
from tfx_lm.components.trainer.threads import deal_threads
from tfx_lm.components.trainer.training import TrainableLanguageModel
from tfx_lm.components.trainer.untrained_model import build_model
from tfx_lm.model.options import TrainerOptions
from training_workers.epochs import TakeTurns
from training_workers.turns import Turns, specification

GPU = "GPU:0"


class Rounds(TakeTurns):
    """Rounds. The last is profiled, and its answer has `cudnn` and `device_peak` (bytes, of a GPU).

    Args:
        turns: The worker's side of the benchmark.
        tokens: Real tokens of a round.
        last: Number of the last round, from 0.
        folder: The folder for the profile.
    """

    def __init__(self, turns: Turns, tokens: int, last: int, folder: Path):
        super().__init__(turns, tokens)
        self._last = last
        self._folder = folder

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Waits for the turn."""
        super().on_epoch_begin(epoch)
        if epoch == self._last:
            tf.profiler.experimental.start(str(self._folder))

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        """Answers."""
        if epoch < self._last:
            super().on_epoch_end(epoch, logs)
            return
        tf.profiler.experimental.stop()
        peak = None
        if tf.config.list_physical_devices("GPU"):
            peak = tf.config.experimental.get_memory_info(GPU)["peak"]
        names = names_that_ran(self._folder)
        self.turns.end(
            work=self.tokens, loss=float(logs["loss"]), cudnn=cudnn_evidence(names), names=len(names), device_peak=peak
        )


def main() -> None:
    """Compares a step with the processor's, then trains one epoch per turn."""
    turns, asked = Turns(), specification()
    sample, folder = asked["sample"], Path(asked["folder"])
    last = asked["rounds"] + 1
    buckets = Buckets(tuple(sample["boundaries"]), tuple(sample["sizes"]), len(sample["batches"]), padding=0.0)
    options = TrainerOptions.parse({**asked["options"], "epochs": last + 1})
    if asked["on_processor"]:
        # CUDA_VISIBLE_DEVICES hides no TPU.
        for kind in ("GPU", "TPU"):
            tf.config.set_visible_devices([], kind)
    shares = deal_threads(options.batch_tokens)
    # One device, also where there are several GPUs.
    on_tpu = not asked["on_processor"] and choose_distribution("auto").value == "tpu"
    strategy = choose_strategy("tpu" if on_tpu else "one_device")
    # A TPU compiles by itself.
    jit = asked["xla"] and not compiles(strategy)
    sentences = [{"ids": integers(ids)} for batch in sample["batches"] for ids in batch]
    files = [write_examples(folder / "sentences.gz", sentences)]
    counts = count_corpus(files, asked["vocabulary"], "train")

    def batches(epochs: int) -> tf.data.Dataset:
        read = input_pipeline.training_batches(files, RowLayout(counts, buckets), options.seed, 0, 0, epochs)
        return distribute(strategy, read.map(lambda batch: fill(batch, buckets)) if jit else read, buckets)

    with strategy.scope():
        plain = options.model_copy(update={"dropout": 0.0, "clip_norm": 1e9})
        # TensorFloat-32 has 10 bits; the training itself keeps TensorFlow's default, which uses it.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        agreement = differences(
            *_build(plain, asked["vocabulary"], buckets.batches, shares, jit),
            batches(1),
            Path(asked["reference"]),
        )
        tf.config.experimental.enable_tensor_float_32_execution(True)
        keras.utils.set_random_seed(options.seed)
        steps = buckets.batches * options.epochs
        model, compile_model = _build(options, asked["vocabulary"], steps, shares, jit)
        compile_model(build_optimizer(options, steps))
        model.optimizer.build(model.trainable_variables)
        model.start_from_frequencies(counts.targets)
        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.reset_memory_stats(GPU)
        turns.ready(
            device=_device(),
            agreement=agreement,
            **_shapes(batches(1) if not compiles(strategy) else None, buckets, counts.tokens),
        )
        model.fit(
            batches(options.epochs),
            steps_per_epoch=buckets.batches,
            epochs=options.epochs,
            shuffle=False,
            callbacks=[Rounds(turns, counts.tokens, last, folder / "profile")],
            verbose=0,
        )


def _build(
    options: TrainerOptions, vocabulary: int, steps: int, shares: int, jit: bool
) -> tuple[TrainableLanguageModel, Callable[[keras.optimizers.Optimizer], None]]:
    """Returns the Trainer's model, and what compiles it with an optimizer."""
    model = build_model(options, vocabulary, steps, shares)
    if jit:
        for layer in model.recurrent:
            # XLA cannot compile cuDNN's operation; Keras would train without XLA, with no more than a warning.
            layer.use_cudnn = False
            layer.supports_jit = True

    def compile_model(optimizer: keras.optimizers.Optimizer) -> None:
        model.compile(optimizer=optimizer, jit_compile=jit)
        if model.jit_compile != jit:
            raise ValueError(f"Keras took jit_compile={jit} for {model.jit_compile}")

    return model, compile_model


def _shapes(batches: tf.data.Dataset | None, buckets: Buckets, tokens: int) -> dict[str, Any]:
    """Returns `shapes` (different ones of a round), `shape_bound` and `padding` (share of the positions).

    Args:
        batches: The batches of a round; None: all have the full shapes of their buckets.
        buckets: The buckets.
        tokens: Real tokens of a round.
    """
    # TensorFlow compiles the full shape of each bucket, and no other.
    shapes = [tuple(batch.mask.shape) for batch in itertools.islice(batches, buckets.batches)] if batches else []
    positions = sum(rows * steps for rows, steps in shapes)
    return {
        "shapes": len(set(shapes)) or None,
        "shape_bound": len(buckets.boundaries),
        "padding": 1.0 - tokens / positions if positions else None,
    }


def _device() -> dict[str, str]:
    """Returns name and details of the device that trains."""
    kinds = ("TPU", "GPU", "CPU")
    device = next(device for kind in kinds for device in tf.config.list_physical_devices(kind))
    details = tf.config.experimental.get_device_details(device)
    return {"name": device.name.removeprefix("/physical_device:")} | {key: str(value) for key, value in details.items()}


if __name__ == "__main__":
    main()
