"""Beam worker: runs the Python of Beam's stages on a cluster of Flink or Spark. The command `tfx-lm-beam-worker`.

A TaskManager of Flink or an executor of Spark starts it as Beam's "process" environment, by the container contract of
Beam's SDKs: an identity and addresses as options. `--worker_pool PORT` makes it a worker pool, Beam's "external"
environment, which starts such workers on request. Beam's own pool starts them without the pipeline's options, under the
Python that PATH names.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys


def main() -> None:
    """Serves one worker or a pool until the cluster ends it."""
    parser = argparse.ArgumentParser(
        description="Runs Python for a TaskManager of Flink or an executor of Spark, which calls this command."
    )
    parser.add_argument("--worker_pool", type=int, metavar="PORT", help="Serve a pool of workers at this port.")
    parser.add_argument("--id", help="Identity of the worker.")
    for name in ("logging", "artifact", "provision", "control"):
        parser.add_argument(f"--{name}_endpoint", metavar="HOST:PORT", help="A service of the cluster.")
    # Newer runners may pass more.
    options, _ = parser.parse_known_args()
    if options.worker_pool is not None:
        _serve_pool(options.worker_pool)
    elif options.id is None or options.provision_endpoint is None:
        parser.error(
            "a TaskManager of Flink or an executor of Spark calls this command; give --worker_pool PORT to serve a "
            "pool of workers"
        )
    else:
        _work(options)


def _serve_pool(port: int) -> None:
    from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer

    address, _ = BeamFnExternalWorkerPoolServicer.start(use_process=True, port=port, container_executable=sys.argv[0])
    print(f"Workers on request at {address}", flush=True)
    # The pool ends its workers at exit.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        signal.pause()
    except KeyboardInterrupt:
        sys.exit(130)


def _work(options: argparse.Namespace) -> None:
    # Beam's interceptor reads it at import.
    os.environ["WORKER_ID"] = options.id
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc, endpoints_pb2
    from apache_beam.runners.worker import sdk_worker_main
    from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
    from google.protobuf import json_format, text_format

    from .compat import load_graphs_again

    channel = grpc.intercept_channel(grpc.insecure_channel(options.provision_endpoint), WorkerIdInterceptor())
    service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
    info = service.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest(), timeout=60).info
    for name, url in (
        ("LOGGING", info.logging_endpoint.url or options.logging_endpoint),
        ("CONTROL", info.control_endpoint.url or options.control_endpoint),
    ):
        descriptor = endpoints_pb2.ApiServiceDescriptor(url=url)
        os.environ[f"{name}_API_SERVICE_DESCRIPTOR"] = text_format.MessageToString(descriptor)
    os.environ["PIPELINE_OPTIONS"] = json_format.MessageToJson(info.pipeline_options)
    os.environ["RUNNER_CAPABILITIES"] = " ".join(info.runner_capabilities)
    load_graphs_again()
    sdk_worker_main.main(sys.argv)
