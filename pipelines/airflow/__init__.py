"""Airflow: a DAG of the nodes of a compiled pipeline.

`create_dag` needs Airflow, which this package imports when the name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .airflow_dag import create_dag

__all__ = ["create_dag"]


def __getattr__(name: str) -> Any:
    if name == "create_dag":
        from .airflow_dag import create_dag

        return create_dag
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
