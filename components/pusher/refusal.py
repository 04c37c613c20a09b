"""Error of a push that is required, of a model that is not blessed."""

from __future__ import annotations

from tfx.dsl.io import fileio
from tfx.types import standard_component_specs as specs

from ...errors import SettingError
from ..artifacts import Artifacts


def not_blessed(input_dict: Artifacts) -> SettingError:
    """Returns the error, with the reasons of the gate and of the serving check.

    Args:
        input_dict: The Pusher's. Blessings of other components than ours tell no reasons.
    """
    # Late, since only a refusal needs TFMA.
    from ..evaluator import results
    from ..serving_check import verdict

    reasons: list[str] = []
    for blessing in input_dict.get(specs.MODEL_BLESSING_KEY) or []:
        if fileio.exists(f"{blessing.uri}/{results.VERDICT_FILE}"):
            gate = results.read_verdict(blessing.uri)
            # If it is blessed, these are the conditions that are met.
            reasons += [] if gate.blessed else gate.templates
    for blessing in input_dict.get(specs.INFRA_BLESSING_KEY) or []:
        if fileio.exists(f"{blessing.uri}/{verdict.VERDICT_FILE}"):
            reasons += verdict.read_templates(blessing.uri)
    why = "; ".join(reasons) or "the blessing tells no reason"
    return SettingError(f"not pushed, which {{require_push}} makes an error: the model is not blessed: {why}")
