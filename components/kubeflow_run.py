"""Kubeflow's run id as an execution property: keeps a node out of Kubeflow's cache, whoever compiles the pipeline.

Kubeflow Pipelines and Vertex AI look up their cache by a node's parameters, input artifacts and container. They do not
see what else a node depends on: which model is served, or which spans there are. TFX's compiler switches the cache on
or off for a whole pipeline, so the node itself must make its key different in each run.
"""

from __future__ import annotations

KUBEFLOW_RUN_KEY = "kubeflow_run"

# Both backends replace a parameter of exactly this value by the run's id before they look up the cache. It is
# `kfp.dsl.PIPELINE_JOB_ID_PLACEHOLDER`, and Kubeflow Pipelines knows it from 2.5 on. Elsewhere it is a constant, so
# that TFX's own cache, whose drivers see what changed, is not affected.
KUBEFLOW_RUN = "{{$.pipeline_job_uuid}}"
