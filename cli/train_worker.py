"""Command `tfx-lm train-worker`: one of several workers that train on different hosts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ..components.trainer.cluster import Cluster, check_addresses, cluster_of_environment
from ..errors import SettingError
from ..exit_codes import NODE_FAILED
from ..pipelines.errors import ConfigurationError
from ..pipelines.nodes.supervisor import supervise
from ..pipelines.uncollected import import_uncollected
from .local_path import LocalPath
from .quiet_tensorflow import quiet_imports
from .refusal import refuse
from .run_node import ending_signals, run_supervised


@click.command("train-worker")
@click.option("--pipeline", "file", type=LocalPath(), required=True, help="The compiled pipeline.")
@click.option("--run-id", required=True, metavar="ID", help="The run, whose nodes before the Trainer are done.")
@click.option("--worker", "workers", multiple=True, metavar="HOST:PORT", help="Each worker, in order.")
@click.option("--index", type=click.IntRange(min=0), help="Which of them this host is, from 0.")
@click.option("--node", "node_id", default="Trainer", show_default=True, metavar="ID", help="The node that trains.")
@click.option("--parameters", default="{}", metavar="JSON", help="The run's parameters, as a JSON object.")
@click.option("--again", is_flag=True, help="Train again if the run has done it; for worker 0.")
def command(
    file: Path, run_id: str, workers: tuple[str, ...], index: int | None, node_id: str, parameters: str, again: bool
) -> None:
    """Trains on several hosts: each runs this command, which differs only in --index.

    Worker 0 runs the Trainer as `tfx-lm run-node` does, with the same exit codes, records it in ML Metadata and writes
    the model; its port must be free. The others only compute. All must read the files that the nodes before the
    Trainer wrote, by the same paths. Without --worker and --index, the variable TF_CONFIG tells both.

    Exit codes: 0 done; 1 failed, also if another worker did not come or died; 2 bad input, found before any work; 130
    and 143 ended by Ctrl-C or SIGTERM.
    """
    try:
        cluster = _cluster(workers, index)
    except ValueError as error:
        refuse(error)
    if cluster.index == 0:
        os.environ["TF_CONFIG"] = cluster.tf_config(0)
        run_supervised(file, node_id, run_id, parameters, again, cluster)
    os.environ.pop("TF_CONFIG", None)
    ended = supervise(lambda: _help(file, node_id, run_id, parameters, cluster), ending_signals())
    if ended.code < 0:
        click.echo(f"tfx-lm: {cluster.name(cluster.index)} failed: {ended.reason()}", err=True)
    if ended.asked is not None and ended.code != 0:
        sys.exit(128 + ended.asked)
    sys.exit(NODE_FAILED if ended.code < 0 else ended.code)


def _cluster(workers: tuple[str, ...], index: int | None) -> Cluster:
    if not workers and index is None:
        cluster = cluster_of_environment()
        if not cluster.several:
            raise SettingError("--worker: is missing; give the address of each worker and --index, or set TF_CONFIG")
        return cluster
    check_addresses(workers, "--worker")
    if len(workers) < 2:
        raise SettingError(
            f"--worker: names {len(workers)} workers, must be several; to train in one process, use tfx-lm run-node"
        )
    if index is None or index >= len(workers):
        shown = "is missing" if index is None else str(index)
        raise SettingError(
            f"--index {shown}: must be from 0 to {len(workers) - 1}, since --worker names {len(workers)}"
        )
    return Cluster(workers, index)


def _help(file: Path, node_id: str, run_id: str, parameters: str, cluster: Cluster) -> int:
    with quiet_imports():
        import_uncollected("tfx_lm.pipelines.nodes.worker_command")
        from ..pipelines.nodes.worker_command import help_training
        from ..pipelines.setting_names import in_yaml_terms
    try:
        nothing = help_training(file, node_id, run_id, parameters, cluster)
    except ConfigurationError as error:
        refuse(error)
    except Exception as error:
        click.echo(f"tfx-lm: {cluster.name(cluster.index)} failed: {in_yaml_terms(error) or error!r}", err=True)
        return NODE_FAILED
    click.echo(f"{cluster.name(cluster.index)}: {nothing or 'done; worker 0 has the model'}")
    return 0
