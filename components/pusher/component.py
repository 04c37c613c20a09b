"""TFX's Pusher with our executor."""

from __future__ import annotations

from tfx import types
from tfx.components import Pusher
from tfx.dsl.components.base import executor_spec
from tfx.v1 import proto

from . import executor


class AtomicPusher(Pusher):
    """Pushes a blessed model as a whole or not at all; inputs and outputs are TFX's. See README.md beside this file."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        push_destination: proto.PushDestination,
        model: types.BaseChannel | None = None,
        model_blessing: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
        keep_versions: int | None = None,
    ) -> None:
        """Builds the component; its node id is `Pusher`.

        Args:
            push_destination: The folder of versions that servers watch.
            model: The `Model`; without it, the copy in `infra_blessing` is pushed.
            model_blessing: From an Evaluator.
            infra_blessing: From a ServingCheck or an InfraValidator.
            keep_versions: How many versions to keep, the newest; None: all.

        Raises:
            ValueError: If `keep_versions` is below 1, or there is neither a model nor a blessing with one.
        """
        if keep_versions is not None and keep_versions < 1:
            raise ValueError(f"keep_versions={keep_versions}: must be >= 1, or None to keep all")
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=push_destination,
            custom_config={executor.KEEP_VERSIONS: keep_versions},
        )
        self.with_id("Pusher")
