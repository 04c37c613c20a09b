"""Prints what Airflow sees of a DAG; runs in Airflow's environment."""

import json
import sys

from tfx_lm.pipelines.airflow import create_dag

dag = create_dag(sys.argv[1], environment={"COLOUR": "blue"}, schedule="@daily")
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
            "tfx": "tfx" in sys.modules,
        }
    )
)
