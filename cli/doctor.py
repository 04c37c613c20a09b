"""Command `tfx-lm doctor`: what this machine has, and what a run would choose on it."""

from __future__ import annotations

import json
import sys

import click

from ..exit_codes import NOT_READY
from ..pipelines.errors import ConfigurationError
from .configuration_options import configuration_options, read_configuration
from .refusal import refuse
from .serve import command as serve

# TensorFlow Serving's; ours has gRPC only if asked for.
GRPC_PORT = 8500


@click.command("doctor")
@configuration_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(config_path: str | None, data: tuple[str, ...], overrides: tuple[str, ...], as_json: bool) -> None:
    """Shows what this machine has, what a run would choose on it and why, and what is missing.

    Takes seconds and changes nothing. With a configuration it also looks at its folders, addresses and options, and at
    the first bytes of its input files.

    Exit codes: 0 nothing that `tfx-lm run` needs of this machine is missing, 1 something is, and the remedy is
    shown, 2 bad configuration.
    """
    from ..pipelines.doctor.diagnosis import diagnose
    from ..pipelines.doctor.tables import print_diagnosis
    from ..pipelines.local.terminal import plain_console

    given = {parameter.name: parameter.default for parameter in serve.params}
    ports = {
        "tfx-lm serve": f"{given['host']}:{given['port']}",
        "tfx-lm serve --grpc-port": f"{given['host']}:{GRPC_PORT}",
    }
    try:
        asked = config_path or data or overrides
        diagnosis = diagnose(read_configuration(config_path, data, overrides) if asked else None, ports)
    except ConfigurationError as error:
        refuse(error)
    if as_json:
        click.echo(json.dumps(diagnosis, indent=2))
    else:
        print_diagnosis(diagnosis, plain_console())
    if diagnosis["problems"]:
        sys.exit(NOT_READY)
