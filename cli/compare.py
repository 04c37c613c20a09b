"""`tfx-lm compare`: two models on the same lines."""

from __future__ import annotations

import json
from typing import Any, Literal

import click

from .quiet_tensorflow import quiet_tensorflow
from .refusal import refuse


@click.command("compare")
@click.argument("candidate", metavar="MODEL_A", type=click.Path())
@click.argument("baseline", metavar="MODEL_B", type=click.Path())
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--criterion", type=click.Choice(["bits_per_byte", "perplexity"]), default="bits_per_byte",
              show_default=True, help="What they are compared by.")  # fmt: skip
@click.option("--tolerance", type=click.FloatRange(min=0), default=0.005, show_default=True,
              help="How much worse MODEL_A may be, relative; 0: it must be better.")  # fmt: skip
@click.option("--slice-tolerance", type=click.FloatRange(min=0), default=0.02, show_default=True,
              help="How much worse MODEL_A may be in any one slice, relative.")  # fmt: skip
@click.option("--slice-min-sentences", type=click.IntRange(min=2), default=100, show_default=True,
              help="How many lines a slice must have to count.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in the place of tables.")
def command(
    candidate: str, baseline: str, file: Any, criterion: Literal["bits_per_byte", "perplexity"], tolerance: float,
    slice_tolerance: float, slice_min_sentences: int, as_json: bool,
) -> None:  # fmt: skip
    """Compares MODEL_A with MODEL_B on the lines of FILE, as the gate compares a candidate with its baseline.

    The models are as for `tfx-lm score`, and so is FILE. The gate's absolute bounds are no part of it.
    """
    quiet_tensorflow()
    from ..exported import comparison, scoring
    from ..pipelines.results.comparison_tables import print_comparison
    from ..pipelines.results.summary import finite

    try:
        models = [scoring.load_model(path, signatures=[scoring.SCORE]) for path in (candidate, baseline)]
        compared = comparison.compare_models(models[0], models[1], file, criterion)
    except ValueError as error:
        refuse(error)
    found = compared.as_json(tolerance, slice_tolerance, slice_min_sentences)
    if as_json:
        click.echo(json.dumps(finite(found)))
    else:
        print_comparison(found)
