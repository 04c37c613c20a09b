"""`tfx-lm compare`: two models on the same lines."""

from __future__ import annotations

import json
from typing import Any

import click

from ..exported.gate_options import Criterion, GateOptions
from .quiet_tensorflow import quiet_tensorflow
from .refusal import option_name, refuse
from .setting_option import setting_option
from .text_input import text_input, texts_of, warn_without_documents


@click.command("compare")
@click.argument("candidate", metavar="MODEL_A", type=click.Path())
@click.argument("baseline", metavar="MODEL_B", type=click.Path())
@text_input
@setting_option(GateOptions, "criterion", "The score to compare.")
@setting_option(GateOptions, "tolerance", "How much worse MODEL_A may be, relative; 0: it must be better.")
@setting_option(GateOptions, "slice_tolerance", "How much worse MODEL_A may be in any one slice, relative.")
@setting_option(GateOptions, "slice_min_sentences", "How many lines a slice must have to count.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def command(
    candidate: str, baseline: str, criterion: Criterion, tolerance: float, slice_tolerance: float,
    slice_min_sentences: int, as_json: bool, **input_options: Any,
) -> None:  # fmt: skip
    """Compares MODEL_A with MODEL_B on the lines of FILE, as the gate compares a candidate with its baseline.

    For the models, FILE and --documents, see `tfx-lm score --help`; each model reads its own context, or none. The
    gate's absolute bounds are not checked.
    """
    quiet_tensorflow()
    try:
        # The bound is not used here, but one must be given.
        GateOptions.parse({"max_perplexity": 2.0, "tolerance": tolerance, "slice_tolerance": slice_tolerance})
    except ValueError as error:
        refuse(error)
    from ..exported import comparison, scoring
    from ..exported.calls_at_once import one_thread_for_each_call
    from ..exported.token_identity import case_warning
    from ..pipelines.local.terminal import plain_console
    from ..pipelines.results.comparison_tables import print_comparison

    one_thread_for_each_call()
    try:
        models = [scoring.load_model(path, signatures=[scoring.SCORE]) for path in (candidate, baseline)]
        compared = comparison.compare_on_texts(
            models[0], models[1], texts_of(models=models, **input_options), criterion
        )
    except ValueError as error:
        refuse(error)
    values = compared.as_json(tolerance, slice_tolerance, slice_min_sentences, option_name)
    if not values["lines"]:
        name = "standard input" if input_options["file"] == "-" else input_options["file"]
        refuse(ValueError(f"{name}: no text to compare the models by"))
    if as_json:
        click.echo(json.dumps(values))
    else:
        print_comparison(values, plain_console())
    if warning := case_warning(models[0].path, models[1].path, ("MODEL_A", "MODEL_B")):
        click.echo(f"tfx-lm: {warning}", err=True)
    warn_without_documents(models, input_options["documents"])
