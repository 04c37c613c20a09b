"""Kubeflow Pipelines v2 and Vertex AI: compilation, checks, and the entry point of a container."""
