"""Command `tfx-lm init-metadata`: the tables of ML Metadata."""

from __future__ import annotations

from pathlib import Path

import click

from ..pipelines.errors import ConfigurationError
from .local_path import LocalPath
from .refusal import refuse


@click.command("init-metadata")
@click.option("--pipeline", "file", type=LocalPath(), help="The compiled pipeline, which names the store.")
@click.option("--metadata", "url", metavar="URL", help="The store itself, such as sqlite:///OUTPUT/metadata.sqlite.")
@click.option("--upgrade", is_flag=True, help="Bring tables of an older ML Metadata up to date; copy them before.")
def command(file: Path | None, url: str | None, upgrade: bool) -> None:
    """Creates missing tables of ML Metadata, before several nodes need them at the same time.

    The store is the one of --pipeline or of --metadata, unless TFX_LM_METADATA names another one.
    """
    if (file is None) == (url is None):
        raise click.UsageError("give either --pipeline FILE or --metadata URL")
    from ..pipelines.metadata.metadata_store import (
        compiled_connection,
        connection_config,
        initialize_store,
        resolve_connection,
    )
    from ..pipelines.metadata.metadata_url import PASSWORD_VARIABLE, parse_metadata_url

    try:
        if url and parse_metadata_url(url, "--metadata").password:
            raise ConfigurationError(
                "--metadata: every user of this machine sees a password there, in the list of processes; leave it out, "
                f"and put it into {PASSWORD_VARIABLE}"
            )
        compiled = compiled_connection(file) if file else connection_config(url or "", "--metadata")
        initialize_store(resolve_connection(compiled), upgrade)
    except ConfigurationError as error:
        refuse(error)
