"""The Trainer of a masked language model: TFX's own with our `run_fn` and executor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.trainer.component import Trainer
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2

from ...model.options import TrainerOptions
from ...transform.options import TextOptions
from .executor import Executor

RUN_FN = "tfx_lm.components.trainer.run_fn.run_fn"


class MaskedTrainer(Trainer):
    """Trains and exports the language model.

    Inputs and outputs are those of TFX's Trainer. See README.md beside this file.

    ```python
    trainer = MaskedTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        trainer={"units": 32},
    )
    ```
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        trainer: TrainerOptions | Mapping[str, Any] | None = None,
        transform: TextOptions | Mapping[str, Any] | None = None,
        backup_directory: str | None = None,
        base_model: types.BaseChannel | None = None,
        hyperparameters: types.BaseChannel | None = None,
    ) -> None:
        """Builds the component; its node id is `Trainer`.

        Args:
            examples: The transformed `Examples`.
            transform_graph: The `TransformGraph` that they come from.
            schema: The raw `Schema`.
            trainer: The model and its training, or a mapping of what differs from the defaults.
            transform: The options that the TextTransform of the examples has, or a mapping of what differs from the
                defaults.
            backup_directory: A folder for backups that stays the same when the node is started again. Default: one
                in the output `model_run`, which a new start of the node does not find.
            base_model: The `Model` to start from, such as the output of StartingModel: its weights by name, those of
                words by the word. Its folder may be empty: the training then starts from new weights. Default: new
                weights.
            hyperparameters: The `HyperParameters` of a Tuner; they win over `trainer`.

        Raises:
            SettingError: An option cannot be used.
        """
        super().__init__(
            run_fn=RUN_FN,
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            base_model=base_model,
            hyperparameters=hyperparameters,
            # An epoch is one pass over the data; steps are not counted.
            train_args=trainer_pb2.TrainArgs(),
            eval_args=trainer_pb2.EvalArgs(),
            custom_config={
                "trainer": TrainerOptions.parse(trainer or {}).model_dump(mode="json"),
                "transform": TextOptions.parse(transform or {}).model_dump(mode="json"),
                "backup_directory": backup_directory,
            },
        )
        self.with_id("Trainer")
