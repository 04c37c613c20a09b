"""Airflow's own arguments of a DAG, with defaults. Needs no Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

_PAST = datetime(2024, 1, 1, tzinfo=timezone.utc)


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what a DAG has by default: no schedule, no catch-up, and a `start_date` in the past.

    Args:
        options: Arguments of a DAG. Its `start_date` may also be in `default_args`, where Airflow reads it.

    Raises:
        ValueError: `catchup` is on, and there is no `start_date`; or `max_active_runs` is given.
    """
    if "max_active_runs" in options:
        raise ValueError(
            f"max_active_runs={options['max_active_runs']}: a pipeline has one run at a time; leave max_active_runs out"
        )
    given = {"schedule": None, "catchup": False, **options}
    if given.get("start_date") is not None:
        return given
    # Airflow 3 reads that of `default_args` only if the DAG is given none of its own, not even None.
    given.pop("start_date", None)
    if (given.get("default_args") or {}).get("start_date") is not None:
        return given
    if given["catchup"]:
        raise ValueError(
            f"catchup={given['catchup']}: Airflow would do all runs since start_date, which is not set; give start_date"
            ", such as the first day that has data, or leave catchup out"
        )
    return {**given, "start_date": _PAST}
