"""Command `tfx-lm serve`: the model server."""

from __future__ import annotations

import sys

import click

from ..errors import messages
from ..exit_codes import BAD_INPUT
from ..server.options import Limits, WatchOptions
from .quiet_tensorflow import quiet_tensorflow
from .refusal import option_name, refuse
from .setting_option import setting_option


@click.command("serve")
@click.argument("model", type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="0 takes a free one.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="Port of TensorFlow Serving's gRPC; off by default.")
@click.option("--name", default="model", show_default=True, help="The model's name in the addresses.")
@setting_option(Limits, "body_bytes", "Of a body.", "--max-bytes")
@setting_option(Limits, "rows", "Texts in a request.", "--max-rows")
@setting_option(Limits, "tokens", "Of a text.", "--max-tokens")
@setting_option(Limits, "body_seconds", "Longest time for headers or a body to arrive, or an answer to be read.")
@setting_option(Limits, "connections", "Open connections of a protocol.", "--max-connections")
@click.option("--token-file", type=click.Path(), help="File of a token that clients must send; none by default.")
@click.option("--tls-cert", type=click.Path(), help="PEM file of the server's certificate, for TLS.")
@click.option("--tls-key", type=click.Path(), help="PEM file of the certificate's key, without a password.")
@click.option("--cors-origin", "cors_origins", multiple=True, metavar="ORIGIN",
              help="Origin of pages that may send requests (https://example.org); * for all. Repeatable.")  # fmt: skip
@setting_option(WatchOptions, "poll_seconds", "Interval of looking for new versions.")
def command(
    model: str, host: str, port: int, grpc_port: int | None, name: str, body_bytes: int, rows: int, tokens: int,
    body_seconds: float, connections: int, token_file: str | None, tls_cert: str | None, tls_key: str | None,
    cors_origins: tuple[str, ...], poll_seconds: float,
) -> None:  # fmt: skip
    """Serves a model over HTTP: TensorFlow Serving's REST protocol, /metrics, and a page to try it at /.

    MODEL is a pushed version's folder, or the folder of all versions, whose newest one that can be loaded is served.
    """
    quiet_tensorflow()
    try:
        from ..server.serve import serve as run_server
    except ModuleNotFoundError as error:
        if error.name not in (
            "anyio",
            "grpc",
            "httptools",
            "orjson",
            "prometheus_client",
            "starlette",
            "tensorflow_serving",
            "uvicorn",
        ):
            raise
        click.echo(f"tfx-lm: {error.name} is not installed; install the extra: pip install 'tfx-lm[serve]'", err=True)
        sys.exit(BAD_INPUT)
    try:
        limits = Limits.parse(
            {
                "body_bytes": body_bytes,
                "rows": rows,
                "tokens": tokens,
                "body_seconds": body_seconds,
                "connections": connections,
            }
        )
        run_server(
            model, host, port, name, limits, poll_seconds,
            lambda url, grpc: click.echo(
                f"Serving {model} at {url}/v1/models/{name}:predict{f', gRPC at {grpc}' if grpc else ''}; "
                f"a page to try it: {url}/"
            ),
            cors_origins, grpc_port, token_file, tls_cert, tls_key,
            lambda template: click.echo(f"tfx-lm: {messages([template], option_name)[0]}", err=True),
        )  # fmt: skip
    except ValueError as error:
        refuse(error)
