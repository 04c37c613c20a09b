"""Airflow's own arguments of a DAG, with defaults. Needs no Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

_PAST = datetime(2024, 1, 1, tzinfo=timezone.utc)


def with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """Adds what a DAG has by default: no schedule, no catch-up, and a `start_date` in the past.

    Args:
        options: Arguments of a DAG. Its `start_date` may also be in `default_args`.

    Raises:
        ValueError: `catchup` is on, and there is no `start_date`.
    """
    given = {"schedule": None, "catchup": False, **options}
    start_date = given.get("start_date") or (given.get("default_args") or {}).get("start_date")
    if given["catchup"] and start_date is None:
        raise ValueError(
            f"catchup={given['catchup']}: Airflow would do all runs since start_date, which is not set; give start_date"
            ", such as the first day that has data, or leave catchup out"
        )
    return {**given, "start_date": start_date or _PAST}
