"""Compiler of the pipeline for Kubeflow Pipelines v2 and Vertex AI.

`tfx-lm compile --runner kubeflow` calls it. TFX's own command line also takes this file and runs it as a script, with
the configuration that TFX_LM_CONFIG names:

    export TFX_LM_CONFIG=my-model.yaml
    tfx pipeline create --engine=vertex --pipeline-path=pipelines/kubeflow/kubeflow_runner.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tfx.dsl.context_managers.dsl_context_registry import use_registry
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx_lm import atomic_file
from tfx_lm.components.kubeflow_run import KUBEFLOW_RUN_KEY
from tfx_lm.components.text_example_gen.spans import SPANS_KEY
from tfx_lm.components.trainer.component import MaskedTrainer
from tfx_lm.components.tuner.component import MaskedTuner
from tfx_lm.pipelines.code_digest import CODE_DIGEST_KEY, code_digest
from tfx_lm.pipelines.config import PipelineConfig, load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.kubeflow.kubeflow_checks import check_kubeflow
from tfx_lm.pipelines.kubeflow.options import ResourcesConfig
from tfx_lm.pipelines.kubeflow.parameter_check import CheckParameters
from tfx_lm.pipelines.nodes.runtime_parameters import add_runtime_parameters
from tfx_lm.pipelines.pipeline import create_pipeline

try:
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
except ImportError as error:
    raise ConfigurationError(f"the Kubeflow Pipelines SDK is missing ({error}); install tfx-lm[kubeflow]") from error

COMMAND = ["python", "-m", "tfx_lm.pipelines.kubeflow.kubeflow_entrypoint"]
CONFIG_VARIABLE = "TFX_LM_CONFIG"


class KubeflowRunner(kubeflow_v2_dag_runner.KubeflowV2DagRunner):
    """TFX's compiler with a complete specification.

    It adds parameters of a run, with defaults; a pipeline root; resources for every node; caching only if Kubeflow can
    see what a node depends on; and an entry point that also runs outside Vertex AI.
    """

    def __init__(
        self, config: PipelineConfig, output_dir: str | None = None, output_filename: str | None = None
    ) -> None:
        """Sets up the compiler.

        Args:
            config: The configuration of the pipeline.
            output_dir: The folder to write to; by default the current one.
            output_filename: `.yaml` for Kubeflow and Vertex AI, `.json` for Vertex AI only.

        Raises:
            ConfigurationError: If the configuration cannot run in containers.
        """
        image, _ = check_kubeflow(config)
        self._pipeline_config = config
        runner_config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            display_name=config.name, default_image=image, default_commands=COMMAND, use_pipeline_spec_2_1=True
        )
        super().__init__(runner_config, output_dir, output_filename or f"{config.name}-kubeflow.yaml")

    def run(
        self,
        pipeline: Pipeline,
        parameter_values: dict[str, Any] | None = None,
        write_out: bool | None = True,
    ) -> dict[str, Any]:
        """Compiles the pipeline.

        Args:
            pipeline: From `create_pipeline`.
            parameter_values: Values of a run's parameters, for a `.json` file.
            write_out: Whether to write the file.

        Returns:
            KFP's `PipelineJob`, as JSON.
        """
        defaults = add_runtime_parameters(pipeline, self._pipeline_config)
        _check_first(pipeline, defaults)
        job = super().run(pipeline, parameter_values, write_out=False)
        settings = self._pipeline_config.kubeflow
        spec = job["pipelineSpec"]
        spec["defaultPipelineRoot"] = pipeline.pipeline_info.pipeline_root
        for name, default in defaults.items():
            spec["root"]["inputDefinitions"]["parameters"][name].update(defaultValue=default, isOptional=True)
        for node in pipeline.components:
            executor = spec["deploymentSpec"]["executors"][spec["components"][node.id]["executorLabel"]]
            wanted = settings.trainer if isinstance(node, MaskedTrainer | MaskedTuner) else settings.nodes
            executor["container"].update(_resources(wanted))
            if SPANS_KEY in node.exec_properties:
                # Vertex AI would run TFX's driver before, which finds one span only.
                executor["container"].pop("lifecycle", None)
            # Such a node depends on what Kubeflow cannot see. Backends before 2.5 do not replace the placeholder.
            cached = settings.cache and KUBEFLOW_RUN_KEY not in node.exec_properties
            spec["root"]["dag"]["tasks"][node.id]["cachingOptions"] = {"enableCache": True} if cached else {}
        if write_out:
            _write(job, Path(self._output_dir) / self._output_filename)
        return job


def compile_pipeline(config: PipelineConfig, path: str | Path) -> None:
    """Writes the specification that Kubeflow Pipelines v2 runs.

    Args:
        config: A checked configuration with `kubeflow.image` and `kubeflow.pipeline_root`.
        path: The file to write; `.yaml`, or `.json` for Vertex AI only.

    Raises:
        ConfigurationError: If the configuration cannot run in containers, or the path has another ending or cannot
            be written.
    """
    file = Path(path)
    if file.suffix not in (".yaml", ".yml", ".json"):
        raise ConfigurationError(f"{path}: must end in .yaml (or .json, for Vertex AI only)")
    KubeflowRunner(config, str(file.parent), file.name).run(deployable_pipeline(config))


def deployable_pipeline(config: PipelineConfig) -> Pipeline:
    """Returns the pipeline, with all its outputs on object storage."""
    _, root = check_kubeflow(config)
    return create_pipeline(config.model_copy(update={"output": root}))


def _check_first(pipeline: Pipeline, defaults: Mapping[str, Any]) -> None:
    """Adds a node that checks the parameters, before all that waits for no other."""
    parameters: dict[str, Any] = {
        name: RuntimeParameter(name=name, ptype=type(default), default=default) for name, default in defaults.items()
    }
    # As other nodes have it: in newer code, bounds may be others.
    parameters[CODE_DIGEST_KEY] = code_digest()
    # The pipeline knows its nodes by where they were made.
    with use_registry(pipeline.dsl_context_registry):
        check = CheckParameters(parameters)
    for node in pipeline.components:
        if not node.upstream_nodes:
            node.add_upstream_node(check)
    pipeline.components = [check, *pipeline.components]


def _resources(wanted: ResourcesConfig) -> dict[str, Any]:
    resources: dict[str, Any] = {}
    if wanted.cpu is not None:
        resources["cpuLimit"] = wanted.cpu
    if wanted.memory_gb is not None:
        resources["memoryLimit"] = wanted.memory_gb
    if wanted.accelerator is not None:
        resources["accelerator"] = {"type": wanted.accelerator, "count": str(wanted.accelerator_count)}
    return {"resources": resources} if resources else {}


def _write(job: dict[str, Any], path: Path) -> None:
    # The KFP SDK takes the specification; only Vertex AI also takes the job around it.
    text = json.dumps(job, indent=2) if path.suffix == ".json" else yaml.safe_dump(job["pipelineSpec"])
    try:
        atomic_file.write_text(path, text)
    except OSError as error:
        raise ConfigurationError(f"--output {path}: cannot be written ({error.strerror or error})") from error


def main() -> None:
    """Compiles the configuration that TFX_LM_CONFIG names."""
    path = os.environ.get(CONFIG_VARIABLE)
    if not path:
        raise ConfigurationError(f"{CONFIG_VARIABLE}: not set; it names the YAML configuration to compile")
    config = load_config(path)
    KubeflowRunner(config).run(deployable_pipeline(config))


if __name__ == "__main__":
    main()
