"""Prints what Airflow sees of a DAG; runs in Airflow's environment."""

import json
import sys
from types import SimpleNamespace

from jinja2 import Template
from tfx_lm.pipelines.airflow import create_dag


def on_try(number):
    """What the nodes' tasks add to their commands in a try."""
    texts = {task.env["TFX_LM_AGAIN"] for task in dag.tasks if "TFX_LM_AGAIN" in task.env}
    return [Template(text).render(ti=SimpleNamespace(try_number=number)) for text in texts]


dag = create_dag(sys.argv[1], environment={"COLOUR": "blue"}, parameters={"data_spans": "{{ ds }}"}, schedule="@daily")
given = {task.env["TFX_LM_PARAMETERS"] for task in dag.tasks if "TFX_LM_PARAMETERS" in task.env}
print(
    "DAG "
    + json.dumps(
        {
            "id": dag.dag_id,
            "most_runs": dag.max_active_runs,
            "upstream": {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks},
            "retries": [task.retries for task in dag.tasks],
            "skips_on": list({code for task in dag.tasks for code in task.skip_on_exit_code}),
            "colours": list({task.env["COLOUR"] for task in dag.tasks}),
            "parameters": [Template(text).render(ds="2026-05-01", dag_run=SimpleNamespace(conf={})) for text in given],
            "tries": [on_try(1), on_try(2)],
            "tfx": "tfx" in sys.modules,
        }
    )
)
