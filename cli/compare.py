"""`tfx-lm compare`: two models on the same lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import click

from ..errors import SettingError
from ..exported.gate_options import Criterion, GateOptions
from .quiet_tensorflow import quiet_tensorflow
from .refusal import refuse


def gate_option(name: str, text: str) -> Callable[[Any], Any]:
    """Makes a command's option from one of the gate's, with its default and its bounds.

    Args:
        name: The name in `GateOptions`.
        text: The help.
    """
    field = GateOptions.model_fields[name]
    least = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    kind: click.ParamType
    if isinstance(field.default, str):
        kind = click.Choice(get_args(field.annotation))
    else:
        kind = (click.IntRange if isinstance(field.default, int) else click.FloatRange)(min=least)
    return click.option(f"--{name.replace('_', '-')}", type=kind, default=field.default, show_default=True, help=text)


@click.command("compare")
@click.argument("candidate", metavar="MODEL_A", type=click.Path())
@click.argument("baseline", metavar="MODEL_B", type=click.Path())
@click.argument("file", type=click.File("rb"), default="-")
@gate_option("criterion", "What they are compared by.")
@gate_option("tolerance", "How much worse MODEL_A may be, relative; 0: it must be better.")
@gate_option("slice_tolerance", "How much worse MODEL_A may be in any one slice, relative.")
@gate_option("slice_min_sentences", "How many lines a slice must have to count.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object in the place of tables.")
def command(
    candidate: str, baseline: str, file: Any, criterion: Criterion, tolerance: float,
    slice_tolerance: float, slice_min_sentences: int, as_json: bool,
) -> None:  # fmt: skip
    """Compares MODEL_A with MODEL_B on the lines of FILE, as the gate compares a candidate with its baseline.

    The models are as for `tfx-lm score`, and so is FILE. The gate's absolute bounds are no part of it.
    """
    quiet_tensorflow()
    from ..exported import comparison, scoring
    from ..pipelines.results.comparison_tables import print_comparison

    try:
        models = [scoring.load_model(path, signatures=[scoring.SCORE]) for path in (candidate, baseline)]
        compared = comparison.compare_models(models[0], models[1], file, criterion)
    except SettingError as error:
        refuse(ValueError(error.with_names(lambda name: f"--{name.replace('_', '-')}")))
    except ValueError as error:
        refuse(error)
    values = compared.as_json(tolerance, slice_tolerance, slice_min_sentences)
    if as_json:
        click.echo(json.dumps(values))
    else:
        print_comparison(values)
