"""The command `tfx-lm`. TensorFlow and TFX are imported only by the commands that need them."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from .. import __version__
from .errors import ConfigurationError
from .terminal import output_to

if TYPE_CHECKING:
    from .config import PipelineConfig

# Exit codes; 0 is a run that finished, whether or not its model was blessed.
NODE_FAILED = 1
BAD_INPUT = 2
NOT_PUSHED = 3
NODE_SKIPPED = 99


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
@click.option(
    "--runner", type=click.Choice(["airflow", "kubeflow"]), required=True, help="What shall run the pipeline."
)
@click.option("--output", "file", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option("--config", "config_path", type=click.Path(), help="The YAML configuration.")
@click.option("--data", multiple=True, metavar="PATH", help="Input file or pattern; repeatable.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override, such as trainer.epochs=3.")
def compile_command(
    runner: str, file: Path, config_path: str | None, data: tuple[str, ...], overrides: tuple[str, ...]
) -> None:
    """Writes what an orchestrator needs to run the pipeline; reads no data.

    airflow: the compiled pipeline (FILE, JSON) and its graph beside it (.dag.json), for pipelines/airflow_dag.py.

    kubeflow: the specification (FILE, .yaml) for Kubeflow Pipelines v2 and Vertex AI.
    """
    from .config import load_config

    try:
        config = load_config(config_path, overrides, {"data.files": data, "data.splits": {}} if data else {})
        if runner == "kubeflow":
            _compile_for_kubeflow(config, file)
        else:
            _compile_for_airflow(config, file)
    except ConfigurationError as error:
        _refuse(error)
    click.echo(f"Wrote {file}")


def _compile_for_airflow(config: PipelineConfig, file: Path) -> None:
    from .preflight import check_airflow

    check_airflow(config)
    with output_to(Path(os.devnull)):
        from .compiled_pipeline import compile_pipeline, write_compiled
        from .pipeline import create_pipeline
        from .runtime_parameters import add_runtime_parameters

        pipeline = create_pipeline(config)
        defaults = add_runtime_parameters(pipeline, config)
        write_compiled(compile_pipeline(pipeline, defaults), file)


def _compile_for_kubeflow(config: PipelineConfig, file: Path) -> None:
    from .kubeflow_checks import check_kubeflow
    from .preflight import check_vocabulary

    check_kubeflow(config)
    check_vocabulary(config)
    with output_to(Path(os.devnull)):
        from .kubeflow_runner import compile_pipeline

        compile_pipeline(config, str(file))


@main.command("init-metadata")
@click.option(
    "--pipeline", "file", type=click.Path(path_type=Path), help="The compiled pipeline, which names the store."
)
@click.option("--metadata", "url", metavar="URL", help="The store itself, such as sqlite:///OUTPUT/metadata.sqlite.")
@click.option("--upgrade", is_flag=True, help="Bring tables of an older ML Metadata up to date; copy them before.")
def init_metadata(file: Path | None, url: str | None, upgrade: bool) -> None:
    """Creates the tables of ML Metadata where they are missing, before several nodes need them at once.

    The store is the one of --pipeline or of --metadata, unless TFX_LM_METADATA names another one.
    """
    if (file is None) == (url is None):
        raise click.UsageError("give either --pipeline FILE or --metadata URL")
    from .metadata_store import compiled_connection, connection_config, initialize_store, resolve_connection

    try:
        compiled = compiled_connection(file) if file else connection_config(url or "", "--metadata")
        initialize_store(resolve_connection(compiled), upgrade)
    except ConfigurationError as error:
        _refuse(error)


@main.command("run-node")
@click.option("--pipeline", "file", type=click.Path(path_type=Path), required=True, help="The compiled pipeline.")
@click.option("--node", "node_id", required=True, metavar="ID", help="The node to run.")
@click.option("--run-id", required=True, metavar="ID", help="The same for all nodes of a run, another for each run.")
@click.option("--parameters", default="{}", metavar="JSON", help="The run's parameters, as a JSON object.")
def run_node_command(file: Path, node_id: str, run_id: str, parameters: str) -> None:
    """Runs one node of a compiled pipeline; its inputs are those that earlier nodes of the run recorded.

    Exit codes: 0 done, or cached; 1 failed, and recorded as failed in ML Metadata (also on SIGTERM); 2 bad input,
    found before any work; 99 skipped. A node that was killed outright is done anew by the next run.
    """
    from .node_command import run_node_of_file

    try:
        result = run_node_of_file(file, node_id, run_id, parameters)
    except ConfigurationError as error:
        _refuse(error)
    click.echo(f"{result.id}: {result.state} after {result.seconds:.1f} s")
    if result.state == "FAILED":
        click.echo(f"tfx-lm: {result.id} failed: {result.error}", err=True)
        sys.exit(NODE_FAILED)
    if result.state == "SKIPPED":
        sys.exit(NODE_SKIPPED)


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
def compare(
    candidate: str, baseline: str, file: Any, criterion: Literal["bits_per_byte", "perplexity"], tolerance: float,
    slice_tolerance: float, slice_min_sentences: int, as_json: bool,
) -> None:  # fmt: skip
    """Compares MODEL_A with MODEL_B on the lines of FILE, as the gate compares a candidate with its baseline.

    The models are as for `tfx-lm score`, and so is FILE. The gate's absolute bounds are no part of it.
    """
    _quiet_tensorflow()
    from ..components.serving import comparison, scoring
    from .comparison_tables import print_comparison
    from .summary import finite

    try:
        models = [scoring.load_model(path, signatures=[scoring.SCORE]) for path in (candidate, baseline)]
        compared = comparison.compare_models(models[0], models[1], file, criterion)
    except ValueError as error:
        _refuse(error)
    found = compared.as_json(tolerance, slice_tolerance, slice_min_sentences)
    if as_json:
        click.echo(json.dumps(finite(found)))
    else:
        print_comparison(found)


@main.command()
@click.argument("model", type=click.Path())
@click.argument("text")
@click.option("--length", type=click.IntRange(min=0), default=20, show_default=True, help="Words to add.")
@click.option("--greedy", is_flag=True, help="Always take the likeliest word.")
@click.option("--temperature", type=click.FloatRange(min=0), default=1.0, show_default=True,
              help="Below 1 the likely words become likelier; 0 is --greedy.")  # fmt: skip
@click.option("--top-k", type=click.IntRange(min=1), default=10, show_default=True,
              help="List this many candidates, and draw from as many.")  # fmt: skip
@click.option("--top-p", type=click.FloatRange(min=0, min_open=True, max=1), default=1.0, show_default=True,
              help="Of these, draw from the fewest that have this share of the probability together.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draws; the same text for the same seed.")
def complete(
    model: str, text: str, length: int, greedy: bool, temperature: float, top_k: int, top_p: float, seed: int
) -> None:
    """Lists the likeliest next words of TEXT with their probabilities, then continues it.

    MODEL is as for `tfx-lm score`.
    """
    _quiet_tensorflow()
    from ..components.evaluator.signatures import NEXT_WORD, SCORE, STEP, TOKENIZE
    from ..components.serving import completion, scoring

    try:
        loaded = scoring.load_model(model, (SCORE, NEXT_WORD, TOKENIZE, STEP))
        for word, log_probability in completion.candidates(loaded, text, top_k):
            click.echo(f"{math.exp(log_probability):8.4f}  {word}")
        if length:
            temperature = 0.0 if greedy else temperature
            click.echo(completion.complete(loaded, text, length, temperature, top_k, top_p, seed))
    except ValueError as error:
        _refuse(error)


@main.command()
@click.argument("model", type=click.Path())
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8501, show_default=True, help="0 takes a free one.")
@click.option("--name", default="model", show_default=True, help="The model's name in the addresses.")
@click.option("--max-bytes", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Of a body.")
@click.option("--max-rows", type=click.IntRange(min=1), default=256, show_default=True, help="Texts in a request.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=4096, show_default=True, help="Of a text.")
@click.option("--body-seconds", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True,
              help="Longest time in which a body must arrive.")  # fmt: skip
@click.option("--poll-seconds", type=click.FloatRange(min=0, min_open=True), default=1.0, show_default=True,
              help="How often a new version is looked for.")  # fmt: skip
def serve(
    model: str, host: str, port: int, name: str, max_bytes: int, max_rows: int, max_tokens: int, body_seconds: float,
    poll_seconds: float,
) -> None:  # fmt: skip
    """Serves a model over HTTP: TensorFlow Serving's REST protocol, /metrics, and a page to try it at /.

    MODEL is a pushed version's folder, or the folder of all versions, of which always the newest is served.
    """
    _quiet_tensorflow()
    try:
        from ..components.model_server.limits import Limits
        from ..components.model_server.serve import serve as run_server
    except ModuleNotFoundError as error:
        if error.name not in ("anyio", "orjson", "prometheus_client", "starlette", "uvicorn"):
            raise
        click.echo(f"tfx-lm: {error.name} is not installed; install the extra: pip install 'tfx-lm[serve]'", err=True)
        sys.exit(BAD_INPUT)
    try:
        limits = Limits(body_bytes=max_bytes, rows=max_rows, tokens=max_tokens, body_seconds=body_seconds)
        run_server(
            model, host, port, name, limits, poll_seconds,
            lambda url: click.echo(f"Serving {model} at {url}/v1/models/{name}:predict; a page to try it: {url}/"),
        )  # fmt: skip
    except ValueError as error:
        _refuse(error)


@main.command()
@click.argument("destination", type=click.Path(path_type=Path), metavar="DEST")
@click.option("--to", type=click.IntRange(min=0), metavar="VERSION", help="Go back to this version.")
def rollback(destination: Path, to: int | None) -> None:
    """Withdraws the newest version in DEST (OUTPUT/serving), so that servers go back to the one before.

    The withdrawn version is renamed to withdrawn-VERSION, which servers pass over; nothing is deleted.
    """
    from ..components.pusher import versions

    try:
        newest, withdrawn = versions.rollback(destination, to)
    except versions.RollbackError as error:
        _refuse(error)
    for folder in withdrawn:
        click.echo(f"Withdrawn: {folder}")
    click.echo(f"The newest version is now {newest}")


def _quiet_tensorflow() -> None:
    """Imports TensorFlow without its start-up messages in a terminal that shows results, unless they were asked for."""
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    # TensorFlow 2.21 prints some messages of its import whatever the level; and google.api_core tells users of
    # Python 3.10 to upgrade.
    with output_to(Path(os.devnull)):
        import tensorflow  # noqa: F401


def _refuse(error: Exception) -> NoReturn:
    click.echo(f"tfx-lm: {error}", err=True)
    sys.exit(BAD_INPUT)
