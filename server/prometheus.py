"""Prometheus metrics of the server, which `/metrics` shows."""

from __future__ import annotations

import prometheus_client

from .served_model import ServedModel

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class ServerMetrics:
    """The counters, gauges and histograms of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = prometheus_client.CollectorRegistry()
        prometheus_client.ProcessCollector(registry=registry)
        self.requests = prometheus_client.Counter(
            "tfx_lm_requests",
            "Predict requests, by signature (unknown where it was not read) and status (499: the client went away).",
            ("signature", "code"),
            registry=registry,
        )
        self.seconds = prometheus_client.Histogram(
            "tfx_lm_request_seconds",
            "Time from the whole body to the answer, by signature.",
            ("signature",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_rows = prometheus_client.Histogram(
            "tfx_lm_batch_rows", "Rows of each call of the model.", buckets=_ROWS, registry=registry
        )
        self.waiting_rows = prometheus_client.Gauge(
            "tfx_lm_waiting_rows", "Rows that wait for the model.", registry=registry
        )
        self.connections = prometheus_client.Gauge("tfx_lm_connections", "Open HTTP connections.", registry=registry)
        self._cut = prometheus_client.Counter(
            "tfx_lm_cut",
            "HTTP connections and gRPC calls that were ended, by reason: late (the client was too slow), headers (too "
            "many bytes), room (too many at once).",
            ("reason",),
            registry=registry,
        )
        self.unauthorized = prometheus_client.Counter(
            "tfx_lm_unauthorized", "Requests and calls without the token.", registry=registry
        )
        self._version = prometheus_client.Gauge(
            "tfx_lm_model_version", "The version that is served.", registry=registry
        )
        self._load_seconds = prometheus_client.Gauge(
            "tfx_lm_model_load_seconds", "How long it took to load and warm up.", registry=registry
        )
        self.load_failures = prometheus_client.Counter(
            "tfx_lm_model_load_failures", "Versions that could not be loaded.", registry=registry
        )
        self.poll_failures = prometheus_client.Counter(
            "tfx_lm_model_poll_failures", "Looks for a new version that failed.", registry=registry
        )

    def serves(self, model: ServedModel) -> None:
        """Records the version that is served from now on."""
        self._version.set(model.version)
        self._load_seconds.set(model.load_seconds)

    def count_cut(self, reason: str) -> None:
        """Counts a connection or call that was ended because of its client, by reason."""
        self._cut.labels(reason).inc()

    def text(self) -> bytes:
        """Returns all metrics in Prometheus's text format."""
        return prometheus_client.generate_latest(self._registry)
