"""The Tuner of a masked language model: TFX's own with our trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.tuner.component import Tuner
from tfx.dsl.components.base import executor_spec

from ...errors import SettingError
from ...model.options import TrainerOptions
from ...transform.options import TextOptions
from .executor import Executor
from .options import TunerOptions, check_space

TUNER_FN = "tfx_lm.components.tuner.tuner_fn.tuner_fn"


class MaskedTuner(Tuner):
    """Tries options of the trainer, and outputs the best for a `MaskedTrainer`.

    Inputs and outputs are those of TFX's Tuner. See README.md beside this file.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        schema: types.BaseChannel,
        tuner: TunerOptions | Mapping[str, Any],
        trainer: TrainerOptions | Mapping[str, Any] | None = None,
        transform: TextOptions | Mapping[str, Any] | None = None,
        search_directory: str | None = None,
    ) -> None:
        """Builds the component; its node id is `Tuner`.

        Args:
            examples: The transformed `Examples`.
            transform_graph: The `TransformGraph` that they come from.
            schema: The raw `Schema`.
            tuner: What to try and how many times, or a mapping of what differs from the defaults; `trials` at least.
            trainer: The options of the trainer, the first trial, or a mapping of what differs from the defaults.
            transform: The options that the TextTransform of the examples has, or a mapping of what differs from the
                defaults.
            search_directory: A folder that stays the same when the node is started again: a search that was killed goes
                on there. Default: one in the output `tuner_results`, which a new start does not find.

        Raises:
            SettingError: An option cannot be used.
        """
        options = TunerOptions.parse(tuner)
        if not options.trials:
            raise SettingError("{trials}=0: nothing would be tried; set {trials}, or leave MaskedTuner out")
        trainer_options = TrainerOptions.parse(trainer or {})
        check_space(options, trainer_options)
        super().__init__(
            tuner_fn=TUNER_FN,
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            custom_config={
                "trainer": trainer_options.model_dump(mode="json"),
                "transform": TextOptions.parse(transform or {}).model_dump(mode="json"),
                "tuner": options.model_dump(mode="json"),
                "search_directory": search_directory,
            },
        )
        self.with_id("Tuner")
