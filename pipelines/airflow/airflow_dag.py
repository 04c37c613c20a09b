"""Airflow DAG of a compiled pipeline: one task for each node.

This module needs Airflow (2.10, 2.11 or 3) and nothing else: TFX and Airflow need libraries that exclude each other, so
each has its own environment. Airflow's gets this package by `pip install --no-deps tfx-lm`; a file in the
folder of DAGs then contains

    from tfx_lm.pipelines.airflow import create_dag

    dag = create_dag("/srv/my-model/pipeline.json", command="/srv/tfx-lm/.venv/bin/tfx-lm")
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

try:  # Airflow 3.
    from airflow.sdk import DAG
except ImportError:
    try:
        from airflow import DAG
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Airflow is not installed: import tfx_lm.pipelines.airflow in Airflow's own environment, "
            "to which `pip install --no-deps tfx-lm` adds it; `pip install tfx-lm[airflow]` is for TFX's own runner",
            name=error.name,
        ) from error
try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:
    from airflow.operators.bash import BashOperator

from .dag_options import with_defaults
from .parameters_template import parameters_template

SKIPPED = 99  # The exit code of `tfx-lm run-node` for a node that is skipped.
INIT_TASK = "init_metadata"

_INIT = 'exec {command} init-metadata --pipeline "$TFX_LM_PIPELINE"'
_RUN = (
    'exec {command} run-node --pipeline "$TFX_LM_PIPELINE" --node "$TFX_LM_NODE" --run-id "$TFX_LM_RUN_ID" '
    '--parameters "$TFX_LM_PARAMETERS" $TFX_LM_AGAIN'
)


def create_dag(
    pipeline: str | Path,
    *,
    command: str = "tfx-lm",
    dag_id: str | None = None,
    environment: Mapping[str, str] | None = None,
    parameters: Mapping[str, str | int | float] | None = None,
    **options: Any,
) -> DAG:
    """Makes the DAG of a pipeline that `tfx-lm compile --runner airflow` wrote.

    Each task runs `tfx-lm run-node` in its own process. The run's id in ML Metadata is Airflow's, RUN_ID; DAG_ID.RUN_ID
    if the DAG has another name than the pipeline. The configuration of a run (`dag_run.conf`) sets the pipeline's
    runtime parameters. A run continues from what ML Metadata records, so there are no automatic retries, and a pipeline
    has one run at a time. A successful task that is cleared is done again.

    Args:
        pipeline: The compiled pipeline, in the same folder as its `.dag.json`. Airflow's workers must find it, and all
            that it names, under the same path.
        command: The shell command that starts `tfx-lm` on a worker.
        dag_id: The DAG's name; by default the pipeline's.
        environment: More variables for the tasks. Airflow shows them to its users. Set TFX_LM_METADATA and
            TFX_LM_METADATA_PASSWORD in the worker's environment, which tasks inherit and Airflow does not show.
        parameters: Values of the pipeline's parameters for each run; texts are templates of Airflow, such as
            `{"data_spans": "{{ ds }}"}`. The configuration of a run wins over them.
        **options: Airflow's own arguments of a DAG, such as `schedule`, except `max_active_runs`; with `catchup`,
            `start_date` too.

    Returns:
        The DAG, for a module-level variable of a file in Airflow's folder of DAGs.

    Raises:
        ValueError: `catchup` is on, and there is no `start_date`; or `max_active_runs` is given.
    """
    path = Path(pipeline)
    graph = json.loads(path.with_suffix(".dag.json").read_text(encoding="utf-8"))
    variables = {**(environment or {}), "TFX_LM_PIPELINE": str(path)}
    own_name = dag_id is None or dag_id == graph["pipeline"]
    with DAG(dag_id=dag_id or graph["pipeline"], max_active_runs=1, **with_defaults(options)) as dag:
        # Without this, the first nodes would create the tables of an empty database at the same time.
        before = _task(INIT_TASK, _INIT.format(command=command), variables)
        tasks = {}
        for node in graph["nodes"]:
            of_node = {
                "TFX_LM_NODE": node["id"],
                # Two DAGs of one pipeline, scheduled for the same time, have runs of the same id.
                "TFX_LM_RUN_ID": "{{ run_id }}" if own_name else "{{ dag.dag_id }}.{{ run_id }}",
                "TFX_LM_PARAMETERS": parameters_template(parameters or {}),
                # A later try of a node that failed goes on as before; one that succeeded was cleared.
                "TFX_LM_AGAIN": "{{ '--again' if ti.try_number > 1 else '' }}",
            }
            tasks[node["id"]] = _task(node["id"], _RUN.format(command=command), {**variables, **of_node})
            tasks[node["id"]].set_upstream([tasks[name] for name in node["upstream"]] or [before])
    return dag


def _task(task_id: str, bash_command: str, environment: Mapping[str, str]) -> BashOperator:
    return BashOperator(
        task_id=task_id,
        bash_command=bash_command,
        env=dict(environment),
        append_env=True,
        skip_on_exit_code=SKIPPED,
        retries=0,
        do_xcom_push=False,
    )
