"""Command line reference: the help of each command, as click prints it, made when the site is built."""

from __future__ import annotations

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGE = "reference/commands.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the page to the site."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Returns the whole reference as Markdown."""
    from tfx_lm.cli.cli import main

    group = click.Context(main, info_name="tfx-lm", terminal_width=100, max_content_width=100)
    parts = ["# Commands\n", "This page is generated from `tfx-lm COMMAND --help`.\n"]
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=group)
        parts.append(f"## tfx-lm {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)
