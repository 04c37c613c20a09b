"""Markers by fixture and by folder, and the order in which worker processes (`pytest -n 3`) take the tests.

`--dist loadfile` gives the tests of one file to one worker, so that what a module's fixtures build is built once.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
# A test that asks for one of these, or for a fixture that does, is marked, and is slow: it starts programs.
MARKER_BY_FIXTURE = {
    "chromium": "browser",
    "postgresql": "postgres",
    "airflow": "airflow",
    "airflow_programs": "airflow",
}
# The longest first, in the order of their minutes, so that at the end no worker waits long for the other.
LONGEST = (
    "pipelines/airflow",
    "end_to_end/test_local_run.py",
    # It asks for the outcome of the local run, which has been built by then.
    "pipelines/kubeflow/test_kubeflow_run.py",
    "end_to_end/test_readme.py",
    "end_to_end/test_weeks.py",
    "components/evaluator/test_evaluation.py",
    "components/trainer/test_resume.py",
    "benchmarks",
    "components/trainer/test_replicas.py",
    "components/test_stock_components.py",
    "examples",
    "end_to_end/test_stock_runner.py",
    "components/tuner",
    "pipelines/kubeflow",
    "components/trainer",
    "components/report/test_report_executor.py",
    "server",
    "components/serving_check",
    "pipelines/nodes",
    "pipelines/local",
    "pipelines/test_late_packages.py",
    "model",
    "faults",
    "exported/test_comparison.py",
    "packaging",
    # Slow ones among the others, so that short tests come last.
    "components/report/test_report_in_chromium.py",
    "pipelines/metadata",
    "pipelines/doctor",
    "docs",
    "transform",
    "cli",
)


def rank(path: str) -> int:
    """The place of a file: the longest first, then the others as they were collected."""
    return next((place for place, start in enumerate(LONGEST) if path.startswith(start)), len(LONGEST))


def path_of(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).as_posix()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, marker in MARKER_BY_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
                item.add_marker("slow")
    # Alone, a process goes on in the order of the files.
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(path_of(item)))
