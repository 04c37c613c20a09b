"""Command `tfx-lm run-node`: one node of a compiled pipeline."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from ..components.trainer.cluster import Cluster
from ..errors import SettingError
from ..exit_codes import NODE_FAILED, NODE_SKIPPED
from ..pipelines.errors import ConfigurationError
from ..pipelines.late_packages import NEEDED, packages_late
from ..pipelines.nodes.node_result import ALREADY_DONE
from ..pipelines.nodes.supervisor import Ended, supervise
from ..pipelines.storage_failure import storage_failure
from ..pipelines.uncollected import import_uncollected
from .local_path import LocalPath
from .quiet_tensorflow import quiet_imports
from .refusal import refuse

# Seconds in which other workers are told that there is nothing to train; those that come later wait in vain.
HELPERS_TIMEOUT = 60.0


@click.command("run-node")
@click.option("--pipeline", "file", type=LocalPath(), required=True, help="The compiled pipeline.")
@click.option("--node", "node_id", required=True, metavar="ID", help="The node to run.")
@click.option("--run-id", required=True, metavar="ID", help="The same for all nodes of a run, another for each run.")
@click.option("--parameters", default="{}", metavar="JSON", help="The run's parameters, as a JSON object.")
@click.option("--again", is_flag=True, help="Do the node again if the run has done it; nothing comes from the cache.")
def command(file: Path, node_id: str, run_id: str, parameters: str, again: bool) -> None:
    """Runs one node of a compiled pipeline; its inputs are those that earlier nodes of the run recorded.

    A node that the run has done is not done a second time, unless --again is given or a node whose output it reads
    was done again since.

    Exit codes: 0 done, or cached; 1 failed, and recorded as failed in ML Metadata; 2 bad input, found before any work;
    99 skipped; 130 and 143 ended by Ctrl-C or SIGTERM, and recorded as failed if its work had begun. A node that was
    killed outright is done again by the next run.
    """
    run_supervised(file, node_id, run_id, parameters, again)


def run_supervised(
    file: Path, node_id: str, run_id: str, parameters: str, again: bool, cluster: Cluster | None = None
) -> NoReturn:
    """Runs a node in a process of its own, and ends this one with the command's exit code.

    Args:
        file: The options of the command, as the four after it.
        node_id: See there.
        run_id: See there.
        parameters: See there.
        again: See there.
        cluster: The workers that train together, if the node is a Trainer with several; this one is the chief.
    """
    ended = supervise(lambda: _run(file, node_id, run_id, parameters, again, cluster), ending_signals())
    if ended.code < 0:
        reason = _record(file, node_id, run_id, parameters, ended)
        click.echo(f"tfx-lm: {node_id} failed: {reason}", err=True)
    if ended.asked is not None and ended.code != 0:
        sys.exit(128 + ended.asked)
    sys.exit(NODE_FAILED if ended.code < 0 else ended.code)


def ending_signals() -> set[signal.Signals]:
    """Returns the signals that end a command; those that are ignored, as with nohup, stay ignored."""
    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return {number for number in ending if signal.getsignal(number) is not signal.SIG_IGN}


def _run(file: Path, node_id: str, run_id: str, parameters: str, again: bool, cluster: Cluster | None = None) -> int:
    with quiet_imports():
        with packages_late():
            import_uncollected(*NEEDED)
        from ..pipelines.nodes.node_command import places, run_node_of_file
    if cluster is not None:
        from ..pipelines.nodes.worker_command import trainer_of_file

        try:
            trainer_of_file(file, node_id, run_id, parameters)
        except ConfigurationError as error:  # The other workers refuse it, too.
            refuse(error)
    try:
        result = run_node_of_file(file, node_id, run_id, parameters, again)
    except ConfigurationError as error:
        try:
            refuse(error)
        finally:
            _send_home(cluster, str(error), failed=True)
    except Exception as error:
        # Before or after the node's work, whose failures are recorded.
        failure = storage_failure(error, places(file))
        if failure is None:
            raise
        click.echo(f"tfx-lm: {failure}", err=True)
        _send_home(cluster, failure, failed=True)
        return NODE_FAILED
    if result.state == ALREADY_DONE:
        click.echo(
            f"{node_id}: already done in run {run_id}; nothing was done, and nothing was read. Give --again to do it "
            "again in this run, or choose another --run-id."
        )
    else:
        click.echo(f"{result.id}: {result.state} after {result.seconds:.1f} s")
    if result.state == "FAILED":
        click.echo(f"tfx-lm: {result.id} failed: {result.error}", err=True)
        return NODE_FAILED
    if result.state != "COMPLETE":
        why = "was skipped" if result.state == "SKIPPED" else "was done before"
        _send_home(cluster, f"{node_id} {why}; worker 0 has nothing to train")
    return NODE_SKIPPED if result.state == "SKIPPED" else 0


def _send_home(cluster: Cluster | None, reason: str, failed: bool = False) -> None:
    """Tells the other workers, if there are any, that this one does not train."""
    if cluster is None:
        return
    from ..pipelines.nodes.worker_command import send_helpers_home

    sys.stdout.flush()
    try:
        send_helpers_home(cluster, reason, HELPERS_TIMEOUT, failed)
    except SettingError as error:
        click.echo(f"tfx-lm: {error}", err=True)


def _record(file: Path, node_id: str, run_id: str, parameters: str, ended: Ended) -> str:
    """Records a node that was killed as failed, and returns the reason."""
    from ..pipelines.metadata.metadata_store import (
        compiled_connection,
        compiled_name,
        compiled_root,
        resolve_connection,
    )
    from ..pipelines.nodes.claim import close_ended
    from ..pipelines.nodes.node_of_run import NodeOfRun
    from ..pipelines.nodes.run_parameters import PIPELINE_ROOT

    try:
        root = str(json.loads(parameters).get(PIPELINE_ROOT, compiled_root(file)))
        connection = resolve_connection(compiled_connection(file))
        node = NodeOfRun(root, compiled_name(file), run_id, node_id, connection)
    except (ConfigurationError, ValueError, AttributeError):  # Bad input, which it was killed before it could refuse.
        return ended.reason()
    close_ended(node, ended)
    return ended.reason(node.places())
