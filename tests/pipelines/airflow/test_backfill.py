"""A backfill on a real Airflow: the run of each day reads the spans that end with its own."""

import json
import shlex
import sys
from pathlib import Path

import ml_metadata
import pytest
from click.testing import CliRunner
from tfx_lm.cli.cli import main
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords

pytestmark = [pytest.mark.slow, pytest.mark.faults]

TFX_LM = Path(sys.executable).parent / "tfx-lm"
DAYS = ["2026-05-01", "2026-05-02"]
DAG = """
from datetime import datetime, timezone

from airflow.timetables.interval import CronDataIntervalTimetable
from tfx_lm.pipelines.airflow import create_dag

dag = create_dag(
    {pipeline!r},
    command={command!r},
    parameters={{"data_spans": "{{{{ ds }}}}"}},
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 5, 1, tzinfo=timezone.utc),
    end_date=datetime(2026, 5, 2, tzinfo=timezone.utc),
)
"""
SMALL = {
    "vocabulary.size": 40, "trainer.units": 8, "trainer.embedding_units": 8, "trainer.layers": 1, "trainer.epochs": 1,
    "trainer.batch_tokens": 64, "gate.max_perplexity": 1000,
}  # fmt: skip


@pytest.fixture(scope="module")
def daily(airflow, forked_python) -> Path:
    """The DAG of a small pipeline over a corpus of days, one more than are read; returns its output."""
    for day in [*DAYS, "2026-05-03"]:
        folder = airflow.home / "corpus" / day
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("".join(f"on day {day} number {n} comes word w{n % 7}\n" for n in range(200)))
    database = f"mlmd{airflow.version}_daily"
    airflow.postgresql.query("postgres", f"create database {database}")
    pipeline = airflow.home / "dags" / "daily.json"
    settings = {
        **SMALL, "name": "daily", "output": airflow.home / "output",
        "metadata": airflow.postgresql.url(database, password=False),
        "data.files": airflow.home / "corpus" / "{YYYY}-{MM}-{DD}" / "*.txt", "data.span_window": 2,
    }  # fmt: skip
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    done = CliRunner().invoke(main, ["compile", "--runner", "airflow", "--output", str(pipeline), *map(str, sets)])
    assert done.exit_code == 0, done.output
    command = shlex.join([str(forked_python), str(TFX_LM)])
    pipeline.with_suffix(".py").write_text(DAG.format(pipeline=str(pipeline), command=command))
    airflow.serve()
    airflow.wait_for_dags({"daily"})
    return airflow.home / "output"


def test_each_day_reads_its_own_window(airflow, daily):
    first, last = DAYS
    if airflow.version >= 3:
        # It does not ask how many runs the DAG allows at a time.
        days = ("--from-date", first, "--to-date", last)
        airflow.command("backfill", "create", "--dag-id", "daily", *days, "--max-active-runs", "1")
    else:
        airflow.command("dags", "backfill", "daily", "--start-date", first, "--end-date", last)
    of_runs = airflow.postgresql.query(
        airflow.database,
        "select run_id, date(data_interval_start at time zone 'UTC'), data_interval_end - data_interval_start "
        "from dag_run where dag_id = 'daily' and run_id like 'backfill%' order by data_interval_start",
    )
    # The run of a day begins when the day is over; Airflow 3 names it by that time.
    assert [(day, length) for _, day, length in of_runs] == [(day, "1 day") for day in DAYS]
    runs = [run_id for run_id, _, _ in of_runs]
    assert [airflow.wait_for("daily", run) for run in runs] == ["success", "success"]
    url = airflow.postgresql.url(f"mlmd{airflow.version}_daily")
    store = ml_metadata.MetadataStore(connection_config(url))
    examples = [RunRecords(store, "daily", run).output("TextExampleGen", "examples") for run in runs]
    spans = [json.loads(artifact.custom_properties["spans"].string_value) for artifact in examples]
    # In the first run there is no day before its own.
    assert [[span["date"] for span in of_run] for of_run in spans] == [DAYS[:1], DAYS]
    assert (daily / "serving").is_dir()
