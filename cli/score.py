"""`tfx-lm score`: the score of each line of a file."""

from __future__ import annotations

import json
from typing import Any

import click

from .quiet_tensorflow import quiet_tensorflow
from .refusal import refuse


@click.command("score")
@click.argument("model", type=click.Path())
@click.argument("file", type=click.File("rb"), default="-")
def command(model: str, file: Any) -> None:
    """Scores each line of FILE (or of standard input) as one JSON object; the corpus comes last.

    MODEL is a pushed version's folder, or the folder of all versions; then the newest is taken.
    """
    quiet_tensorflow()
    from ..exported import scoring

    try:
        scorer = scoring.load_model(model)
    except ValueError as error:
        refuse(error)
    total = scoring.CorpusScore.empty()
    for line in scoring.score_lines(scorer, file):
        total += scoring.CorpusScore.from_line(line)
        click.echo(json.dumps(line.as_json()))
    click.echo(json.dumps(total.as_json()))
