"""Airflow: a DAG of the nodes of a compiled pipeline."""
