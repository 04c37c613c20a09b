"""The Trainer of a masked language model: TFX's own with our `run_fn` and executor."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components import Trainer
from tfx.dsl.components.base import executor_spec
from tfx.v1 import proto

from .executor import Executor

RUN_FN = "tfx_lm.components.trainer.run_fn.run_fn"


class MaskedTrainer(Trainer):
    """Trains and exports the language model.

    A thin subclass: inputs and outputs are TFX's. See README.md beside this file.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        custom_config: dict[str, Any],
    ) -> None:
        """Builds the component; its node id is `Trainer`.

        Args:
            examples: The transformed `Examples`.
            transform_graph: The `TransformGraph` that they come from.
            schema: The raw `Schema`.
            custom_config: `trainer`, `transform` and, optional, `backup_directory`; see `run_fn.run_fn`.
        """
        super().__init__(
            run_fn=RUN_FN,
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            # An epoch is one pass over the data; steps are not counted.
            train_args=proto.TrainArgs(),
            eval_args=proto.EvalArgs(),
            custom_config=custom_config,
        )
        self.with_id("Trainer")
