"""The Evaluator of a masked language model: TFX's own, with our metrics, gate and inference put in."""

from __future__ import annotations

from collections.abc import Sequence

from tfx import types
from tfx.components import Evaluator
from tfx.dsl.components.base import executor_spec

from . import bounded_inference, gate
from .executor import Executor


class MaskedEvaluator(Evaluator):
    """Scores the raw sentences with the exported model and blesses it if the gate's conditions hold.

    A thin subclass: inputs and outputs are TFX's. See README.md beside this file.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel | None = None,
        max_perplexity: float | None = None,
        max_bits_per_byte: float | None = None,
        tolerance: float | None = None,
        confidence_intervals: bool = True,
        slices: Sequence[str | Sequence[str]] = (),
        example_splits: Sequence[str] = ("eval",),
    ) -> None:
        """Builds the component; its node id is `Evaluator`.

        Args:
            examples: Raw `Examples` with the feature `text`; not the transformed ones, since the model brings its
                own transform.
            model: The candidate `Model`, with the signature `evaluate`.
            baseline_model: The `Model` to compare with; the channel, or the artifact's folder, may be empty.
            max_perplexity: See `gate.eval_config`, as for the next four.
            max_bits_per_byte: Largest number of bits per byte.
            tolerance: How much worse than the baseline, relative.
            confidence_intervals: Whether 95 % intervals are computed.
            slices: Raw features by whose values the metrics are also reported.
            example_splits: Splits that are scored.

        Raises:
            ValueError: If no upper bound is given, or a value is out of range.
        """
        super().__init__(
            examples=examples,
            model=model,
            baseline_model=baseline_model,
            example_splits=list(example_splits),
            eval_config=gate.eval_config(
                max_perplexity=max_perplexity,
                max_bits_per_byte=max_bits_per_byte,
                tolerance=tolerance,
                confidence_intervals=confidence_intervals,
                slices=slices,
            ),
            module_path=bounded_inference.__name__,
        )
        self.with_id("Evaluator")
