"""AtomicPusher: TFX's Pusher with our executor."""

from __future__ import annotations

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.proto import pusher_pb2
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as specs

from ..checked_arguments import checked_arguments
from .executor import KEEP_VERSIONS_KEY, REQUIRE_PUSH_KEY, Executor
from .options import PusherOptions

DEFAULTS = PusherOptions()


class AtomicPusherSpec(types.ComponentSpec):
    """Inputs, outputs and properties: those of TFX's Pusher, and two of ours instead of `custom_config`."""

    PARAMETERS = {  # noqa: RUF012, as TFX declares it
        specs.PUSH_DESTINATION_KEY: component_spec.ExecutionParameter(type=pusher_pb2.PushDestination),
        KEEP_VERSIONS_KEY: component_spec.ExecutionParameter(type=int, optional=True),
        # 1, or absent: caches of earlier versions stay valid.
        REQUIRE_PUSH_KEY: component_spec.ExecutionParameter(type=int, optional=True),
    }
    INPUTS = {  # noqa: RUF012, as TFX declares it
        specs.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
        specs.MODEL_BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        specs.INFRA_BLESSING_KEY: component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing, optional=True),
    }
    OUTPUTS = {  # noqa: RUF012, as TFX declares it
        specs.PUSHED_MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
    }


class AtomicPusher(base_component.BaseComponent):
    """Pushes a blessed model as a whole or not at all; inputs and outputs are TFX's. See README.md.

    Outputs:
        pushed_model: a `PushedModel`. Its custom properties are TFX's `pushed`, `pushed_destination` and
            `pushed_version`, and the scores that the blessing has.
    """

    SPEC_CLASS = AtomicPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        push_destination: pusher_pb2.PushDestination | RuntimeParameter,
        model: types.BaseChannel | None = None,
        model_blessing: types.BaseChannel | None = None,
        infra_blessing: types.BaseChannel | None = None,
        *,
        keep_versions: int | RuntimeParameter | None = DEFAULTS.keep_versions,
        require_push: bool | RuntimeParameter = DEFAULTS.require_push,
    ) -> None:
        """Builds the component; its node id is `Pusher`.

        Args:
            push_destination: The folder of versions that servers watch.
            model: The `Model`; without it, the copy in `infra_blessing` is pushed.
            model_blessing: From an Evaluator.
            infra_blessing: From a ServingCheck or an InfraValidator.
            keep_versions: Number of newest undamaged versions to keep; None: all.
            require_push: Whether the node fails, with the reasons, if the model is not blessed. A RuntimeParameter is
                one of `int`, 1 or 0, since TFX refuses those of `bool`.

        Raises:
            SettingError: If `keep_versions` is below 1, or `require_push` is neither true nor false. A run checks the
                value of a RuntimeParameter.
            ValueError: If neither a model nor a blessing with one is given.
        """
        arguments = checked_arguments(PusherOptions, {KEEP_VERSIONS_KEY: keep_versions, REQUIRE_PUSH_KEY: require_push})
        if not isinstance(require_push, RuntimeParameter):
            arguments[REQUIRE_PUSH_KEY] = 1 if arguments[REQUIRE_PUSH_KEY] else None
        if model is None and infra_blessing is None:
            raise ValueError("no model to push: give model, or the infra_blessing of a ServingCheck")
        super().__init__(
            spec=AtomicPusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                push_destination=push_destination,
                **arguments,
                pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            )
        )
        self.with_id("Pusher")
