"""The command `tfx-lm`. TensorFlow and TFX are imported only by the commands that need them."""

from __future__ import annotations

import json
import math
import os
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

import click

from .. import __version__
from .errors import ConfigurationError
from .terminal import output_to

# Exit codes; 0 is a run that finished, whether or not its model was blessed.
NODE_FAILED = 1
BAD_INPUT = 2
NOT_PUSHED = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfx-lm")
def main() -> None:
    """Trains, gates, pushes and queries language models with TFX."""


@main.command()
@click.option("--config", "config_path", type=click.Path(), help="The YAML configuration.")
@click.option("--data", multiple=True, metavar="PATH", help="Input file or pattern; repeatable.")
@click.option("--output", metavar="DIR", help="Where everything that is made goes.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, such as trainer.epochs=3.")
@click.option("--from", "from_nodes", multiple=True, metavar="NODE", help="Start here; reuse what lies before.")
@click.option("--to", "to_nodes", multiple=True, metavar="NODE", help="End here.")
@click.option("--require-push", is_flag=True, help="Exit with 3 where no model was pushed.")
def run(
    config_path: str | None,
    data: tuple[str, ...],
    output: str | None,
    overrides: tuple[str, ...],
    from_nodes: tuple[str, ...],
    to_nodes: tuple[str, ...],
    require_push: bool,
) -> None:
    """Runs the whole pipeline on this machine.

    Exit codes: 0 the run finished (also where the model was not blessed), 1 a node failed, 2 bad configuration or
    input, found before any work, 3 nothing was pushed and --require-push was given.
    """
    from .config import load_config
    from .preflight import check_run
    from .run import run_locally

    values: dict[str, Any] = {}
    if data:
        values.update({"data.files": data, "data.splits": {}})
    if output:
        values["output"] = output
    try:
        config = load_config(config_path, overrides, values)
        check_run(config)
        summary = run_locally(config, from_nodes, to_nodes)
    except ConfigurationError as error:
        _refuse(error)
    if any(node["state"] == "FAILED" for node in summary["nodes"]):
        sys.exit(NODE_FAILED)
    if require_push and summary["pushed_model"] is None:
        click.echo("Nothing was pushed (--require-push).", err=True)
        sys.exit(NOT_PUSHED)


@main.command("compile")
@click.option("--runner", type=click.Choice(["kubeflow"]), required=True, help="The orchestrator to compile for.")
@click.option("--config", "config_path", type=click.Path(), help="The YAML configuration.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, such as trainer.epochs=3.")
@click.option("--output", required=True, metavar="FILE", help="The specification to write, .yaml.")
def compile_(runner: str, config_path: str | None, overrides: tuple[str, ...], output: str) -> None:
    """Writes the specification that an orchestrator runs."""
    from .config import load_config
    from .kubeflow_checks import check_kubeflow

    try:
        config = load_config(config_path, overrides)
        check_kubeflow(config)
        with output_to(Path(os.devnull)):
            from .kubeflow_runner import compile_pipeline

            compile_pipeline(config, output)
    except ConfigurationError as error:
        _refuse(error)
    click.echo(f"Wrote {output}")


@main.command()
@click.argument("model", type=click.Path())
@click.argument("file", type=click.File("rb"), default="-")
def score(model: str, file: Any) -> None:
    """Scores each line of FILE (standard input without one) as one JSON object; the corpus comes last.

    MODEL is a pushed version's folder, or the folder of all versions, of which the newest is taken.
    """
    _quiet_tensorflow()
    from ..components.serving import scoring

    try:
        scorer = scoring.load_model(model)
    except ValueError as error:
        _refuse(error)
    total = scoring.CorpusScore()
    for line in scoring.score_lines(scorer, file):
        total = total.add(line)
        click.echo(json.dumps(line.as_json()))
    click.echo(json.dumps(total.as_json()))


@main.command()
@click.argument("model", type=click.Path())
@click.argument("text")
@click.option("--top-k", type=click.IntRange(min=1), default=10, show_default=True,
              help="List this many candidates, and sample from as many.")  # fmt: skip
@click.option("--length", type=click.IntRange(min=0), default=20, show_default=True, help="Words to add.")
@click.option("--temperature", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def complete(model: str, text: str, top_k: int, length: int, temperature: float, seed: int) -> None:
    """Lists the likeliest next words of TEXT with their probabilities, then continues it.

    MODEL is as for `tfx-lm score`.
    """
    _quiet_tensorflow()
    from ..components.serving import completion, scoring

    try:
        loaded = scoring.load_model(model)
    except ValueError as error:
        _refuse(error)
    for word, log_probability in completion.candidates(loaded, text, top_k):
        click.echo(f"{math.exp(log_probability):8.4f}  {word}")
    if length:
        click.echo(completion.complete(loaded, text, length, temperature=temperature, top_k=top_k, seed=seed))


def _quiet_tensorflow() -> None:
    """Keeps TensorFlow's start-up messages out of a terminal that shows results; must come before its import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # google.api_core tells users of Python 3.10 to upgrade, each time that TensorFlow imports it.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


def _refuse(error: Exception) -> NoReturn:
    click.echo(f"tfx-lm: {error}", err=True)
    sys.exit(BAD_INPUT)
