"""Command `tfx-lm compile`: the pipeline for an orchestrator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..pipelines.errors import ConfigurationError
from ..pipelines.local.terminal import output_to
from ..pipelines.uncollected import import_uncollected
from .configuration_options import configuration_options, read_configuration
from .local_path import LocalPath
from .refusal import refuse

if TYPE_CHECKING:
    from ..pipelines.config import PipelineConfig


@click.command("compile")
@click.option(
    "--runner", type=click.Choice(["airflow", "kubeflow"]), required=True, help="The orchestrator to run the pipeline."
)
@click.option("--output", "file", type=LocalPath(), required=True, help="The file to write.")
@configuration_options
def command(
    runner: str, file: Path, config_path: str | None, data: tuple[str, ...], overrides: tuple[str, ...]
) -> None:
    """Writes the pipeline for an orchestrator; reads no data.

    airflow: the compiled pipeline (FILE, JSON) and its graph beside it (.dag.json), for airflow_dag.py.

    kubeflow: the specification (FILE, .yaml) for Kubeflow Pipelines v2 and Vertex AI.
    """
    try:
        if not file.name:
            raise ConfigurationError(f"--output {file}: no file; name the file to write")
        config = read_configuration(config_path, data, overrides)
        if runner == "kubeflow":
            _compile_for_kubeflow(config, file)
        else:
            _compile_for_airflow(config, file)
    except ConfigurationError as error:
        refuse(error)
    click.echo(f"Wrote {file}")


def _compile_for_airflow(config: PipelineConfig, file: Path) -> None:
    from ..pipelines.preflight import check_airflow

    check_airflow(config)
    with output_to(Path(os.devnull)):
        import_uncollected("tfx_lm.pipelines.pipeline")
        from ..pipelines.nodes.compiled_pipeline import compile_pipeline, write_compiled
        from ..pipelines.nodes.runtime_parameters import add_runtime_parameters
        from ..pipelines.pipeline import create_pipeline

        pipeline = create_pipeline(config)
        defaults = add_runtime_parameters(pipeline, config)
        write_compiled(compile_pipeline(pipeline, defaults), file)


def _compile_for_kubeflow(config: PipelineConfig, file: Path) -> None:
    from ..pipelines.kubeflow.kubeflow_checks import check_kubeflow
    from ..pipelines.preflight import check_vocabulary

    check_kubeflow(config)
    check_vocabulary(config)
    with output_to(Path(os.devnull)):
        import_uncollected("tfx_lm.pipelines.kubeflow.kubeflow_runner")
        from ..pipelines.kubeflow.kubeflow_runner import compile_pipeline

        compile_pipeline(config, str(file))
