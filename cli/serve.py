"""`tfx-lm serve`: the model server."""

from __future__ import annotations

import sys

import click

from ..exit_codes import BAD_INPUT
from .quiet_tensorflow import quiet_tensorflow
from .refusal import refuse


@click.command("serve")
@click.argument("model", type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="0 takes a free one.")
@click.option("--grpc-port", type=click.IntRange(0, 65535), help="Port of TensorFlow Serving's gRPC; off by default.")
@click.option("--name", default="model", show_default=True, help="The model's name in the addresses.")
@click.option("--max-bytes", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Of a body.")
@click.option("--max-rows", type=click.IntRange(min=1), default=256, show_default=True, help="Texts in a request.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=4096, show_default=True, help="Of a text.")
@click.option("--body-seconds", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True,
              help="Longest time in which a body must arrive.")  # fmt: skip
@click.option("--cors-origin", "cors_origins", multiple=True, metavar="ORIGIN",
              help="Pages of this origin may ask (https://example.org); * for all. Repeatable.")  # fmt: skip
@click.option("--poll-seconds", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
              help="How often a new version is looked for.")  # fmt: skip
def command(
    model: str, host: str, port: int, grpc_port: int | None, name: str, max_bytes: int, max_rows: int, max_tokens: int,
    body_seconds: float, cors_origins: tuple[str, ...], poll_seconds: float,
) -> None:  # fmt: skip
    """Serves a model over HTTP: TensorFlow Serving's REST protocol, /metrics, and a page to try it at /.

    MODEL is a pushed version's folder, or the folder of all versions; the newest is always served.
    """
    quiet_tensorflow()
    try:
        from ..server.limits import Limits
        from ..server.serve import serve as run_server
    except ModuleNotFoundError as error:
        if error.name not in (
            "anyio",
            "grpc",
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
        limits = Limits(body_bytes=max_bytes, rows=max_rows, tokens=max_tokens, body_seconds=body_seconds)
        run_server(
            model, host, port, name, limits, poll_seconds,
            lambda url, grpc: click.echo(
                f"Serving {model} at {url}/v1/models/{name}:predict{f', gRPC at {grpc}' if grpc else ''}; "
                f"a page to try it: {url}/"
            ),
            cors_origins, grpc_port,
        )  # fmt: skip
    except ValueError as error:
        refuse(error)
