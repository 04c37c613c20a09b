import json
import os
import subprocess
from datetime import datetime, timezone

import pytest
from tfx_lm.pipelines.airflow.dag_options import with_defaults

PAST = datetime(2024, 1, 1, tzinfo=timezone.utc)
FIRST = datetime(2026, 5, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"schedule": None, "catchup": False, "start_date": PAST}),
        ({"schedule": "@daily", "tags": []}, {"schedule": "@daily", "catchup": False, "start_date": PAST, "tags": []}),
        ({"catchup": True, "start_date": FIRST}, {"schedule": None, "catchup": True, "start_date": FIRST}),
        (
            {"catchup": True, "default_args": {"start_date": FIRST}},
            {"schedule": None, "catchup": True, "default_args": {"start_date": FIRST}},
        ),
        # Airflow parses a text in `default_args`, and refuses one as the DAG's own argument.
        (
            {"start_date": None, "default_args": {"start_date": "2026-05-01"}},
            {"schedule": None, "catchup": False, "default_args": {"start_date": "2026-05-01"}},
        ),
        (
            {"start_date": FIRST, "default_args": {"start_date": PAST}},
            {"schedule": None, "catchup": False, "start_date": FIRST, "default_args": {"start_date": PAST}},
        ),
        (
            {"default_args": {"start_date": None}},
            {"schedule": None, "catchup": False, "start_date": PAST, "default_args": {"start_date": None}},
        ),
    ],
)
def test_a_dag_has_defaults(options, expected):
    assert with_defaults(options) == expected


@pytest.mark.parametrize("options", [{}, {"start_date": None}, {"schedule": "@daily", "default_args": {"retries": 1}}])
def test_catch_up_needs_a_start_date(options):
    with pytest.raises(
        ValueError, match=r"^catchup=True: Airflow would do all runs since start_date, .*; give start_dat"
    ):
        with_defaults({**options, "catchup": True})


def test_a_pipeline_has_one_run_at_a_time():
    with pytest.raises(ValueError, match=r"^max_active_runs=3: .* one run at a time; leave max_active_runs out$"):
        with_defaults({"max_active_runs": 3})


@pytest.mark.slow
def test_create_dag_refuses_catch_up_without_a_start_date(airflow_programs, tmp_path):
    (tmp_path / "my.dag.json").write_text(json.dumps({"schema": 1, "pipeline": "my-model", "nodes": []}))
    code = f"from tfx_lm.pipelines.airflow import create_dag; create_dag('{tmp_path}/my.json', catchup=True)"
    done = subprocess.run(
        [airflow_programs / "python", "-c", code], env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 1
    assert "ValueError: catchup=True: Airflow would do all runs since start_date" in done.stderr
