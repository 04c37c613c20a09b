"""Airflow: a DAG of the nodes of a compiled pipeline.

`create_dag` needs Airflow, which this package imports when the name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...public_names import lazy_names

if TYPE_CHECKING:
    from .airflow_dag import create_dag

__all__ = ["create_dag"]

__getattr__, __dir__ = lazy_names(__name__, {"create_dag": "airflow_dag.create_dag"})
