"""`tfx-lm train-worker`: a worker that helps the one that runs the Trainer of a compiled pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx.orchestration import data_types_utils
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from ... import progress
from ...components.trainer.cluster import Cluster
from ...components.trainer.overrides import with_overrides
from ...components.trainer.rendezvous import send_home
from ...components.trainer.run_fn import join_training
from ...errors import SettingError
from ...model.options import TrainerOptions
from ..errors import ConfigurationError
from ..setting_names import in_yaml_terms
from .compiled_pipeline import graph, read_compiled, set_parameters
from .node_command import printer, read_parameters


def trainer_of_file(file: Path, node_id: str, run_id: str, parameters: str) -> tuple[TrainerOptions, Mapping[str, Any]]:
    """Reads what a Trainer of a compiled pipeline trains.

    Args:
        file: The file that `tfx-lm compile` wrote.
        node_id: The Trainer.
        run_id: The run's id.
        parameters: Values of the pipeline's runtime parameters, as the text of a JSON object.

    Returns:
        Its options and its `custom_config`.

    Raises:
        ConfigurationError: The file, the node or the parameters cannot be used, or the options do not train on several
            hosts.
    """
    ir = read_compiled(file)
    if node_id not in graph(ir):
        raise ConfigurationError(f"--node {node_id}: no such node; the nodes are {', '.join(graph(ir))}")
    set_parameters(ir, run_id, read_parameters(parameters))
    (node,) = (each.pipeline_node for each in ir.nodes if each.pipeline_node.node_info.id == node_id)
    properties = {
        name: data_types_utils.get_metadata_value(value.field_value)
        for name, value in node.parameters.parameters.items()
    }
    config = json_utils.loads(str(properties.get(specs.CUSTOM_CONFIG_KEY, "{}")))
    if not isinstance(config, dict) or not {"trainer", "transform"} <= config.keys():
        raise ConfigurationError(f"--node {node_id}: is no Trainer; name the node that trains")
    config = with_overrides(config, properties)
    try:
        options = TrainerOptions.from_config(config["trainer"])
    except SettingError as error:
        raise ConfigurationError(in_yaml_terms(error)) from error
    if options.workers > 1:
        raise ConfigurationError(
            f"trainer.workers={options.workers}: train-worker starts one process on each host; set trainer.workers=1 "
            "and compile the pipeline again"
        )
    if options.distribution not in ("auto", "multi_worker"):
        raise ConfigurationError(
            f"trainer.distribution={options.distribution}: trains in one process; set trainer.distribution=auto and "
            "compile the pipeline again"
        )
    return options, config


def help_training(file: Path, node_id: str, run_id: str, parameters: str, cluster: Cluster) -> str:
    """Trains with the chief until it has exported the model.

    Args:
        file: See `trainer_of_file`.
        node_id: See there.
        run_id: See there.
        parameters: See there.
        cluster: All workers, and which of them this one is; not the chief.

    Returns:
        Why there was nothing to train, or an empty text.

    Raises:
        ConfigurationError: See there.
        SettingError: The chief did not come, it has something else to train, or a worker has died.
    """
    options, config = trainer_of_file(file, node_id, run_id, parameters)
    with progress.listening(printer()):
        return join_training(cluster, options, config)


def send_helpers_home(cluster: Cluster, reason: str, timeout: float, failed: bool) -> None:
    """Tells the other workers that there is nothing to train.

    Args:
        cluster: All workers; this one is the chief.
        reason: Why not.
        timeout: Seconds to wait for them.
        failed: Whether they fail for that reason.

    Raises:
        SettingError: The port of this worker cannot be used.
    """
    with progress.listening(printer()):
        send_home(cluster, reason, timeout, failed)
