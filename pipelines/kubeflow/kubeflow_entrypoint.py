"""Entry point of each container of the compiled pipeline: adds what Kubeflow leaves out, then runs TFX's entry point.

TFX's entry point is written for Vertex AI. The launcher of open-source Kubeflow Pipelines differs in three ways:

- It passes input artifacts without their type, on which TFX's entry point fails. The types are in the component's
  definition, which is an argument too.
- It never calls the driver of file-based ExampleGens, which fingerprints the files. So it is called here, unless it
  has run. TFX's finds one span only, so that TextExampleGen itself resolves `{SPAN}` and its kin.
- It shows pages (`system.HTML`), which are files and not folders. TFX's entry point takes that name for the import path
  of a class.

Nothing of TFX is imported here: its modules run unchanged, in their own processes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ...components.text_example_gen.spans import SPANS_KEY
from ...keras_backend import use_tensorflow

EXECUTOR_MODULE = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
DRIVER_MODULE = "tfx.orchestration.kubeflow.v2.file_based_example_gen.driver"

INVOCATION = "--json_serialized_invocation_args"
INPUTS_SPEC = "--json_serialized_inputs_spec_args"

PAGE_TYPE = "system.HTML"
PAGE_CLASS = "tfx_lm.components.report.artifact.HTML"

# Execution properties that only file-based ExampleGens have.
_EXAMPLE_GEN_PROPERTIES = {"input_base", "input_config"}


def main(arguments: Sequence[str]) -> None:
    """Runs one node; never returns.

    Args:
        arguments: The three options of TFX's entry point, and options of Beam.
    """
    use_tensorflow()
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument(INVOCATION, dest="invocation", required=True, type=json.loads)
    parser.add_argument(INPUTS_SPEC, dest="inputs_spec", required=True, type=json.loads)
    options, others = parser.parse_known_args(arguments)

    add_types(options.invocation, options.inputs_spec)
    point_to_pages(options.invocation)
    parameters = options.inputs_spec.get("parameters", {}).keys()
    # With markers, TextExampleGen has to.
    if parameters >= _EXAMPLE_GEN_PROPERTIES and SPANS_KEY not in parameters:
        output_file = options.invocation["outputs"]["outputFile"]
        # On Vertex AI the driver has run, and its answer is on object storage.
        if output_file.startswith("/") and not Path(output_file).exists():
            command = _command(DRIVER_MODULE, options.invocation, options.inputs_spec, others)
            subprocess.run(command, check=True)
            add_metadata(options.invocation, json.loads(Path(output_file).read_text(encoding="utf-8")))

    command = _command(EXECUTOR_MODULE, options.invocation, options.inputs_spec, others)
    # The process is replaced, so the node's exit code and signals are its own.
    os.execv(command[0], command)  # noqa: S606, no shell is what is wanted


def add_types(invocation: dict[str, Any], inputs_spec: dict[str, Any]) -> None:
    """Gives input artifacts without a type the one that the component declares.

    Args:
        invocation: KFP's `ExecutorInput`, as JSON; changed in place.
        inputs_spec: KFP's `ComponentInputsSpec`, as JSON.
    """
    for key, artifacts in invocation.get("inputs", {}).get("artifacts", {}).items():
        for artifact in artifacts.get("artifacts", []):
            # An empty schema means no schema.
            if not any(artifact.get("type", {}).values()):
                artifact["type"] = inputs_spec["artifacts"][key]["artifactType"]


def point_to_pages(invocation: dict[str, Any]) -> None:
    """Gives output artifacts that Kubeflow shows as pages their class, and the page's file as their uri.

    Args:
        invocation: KFP's `ExecutorInput`, as JSON; changed in place.
    """
    for artifacts in invocation.get("outputs", {}).get("artifacts", {}).values():
        for artifact in artifacts.get("artifacts", []):
            schema = yaml.safe_load(artifact.get("type", {}).get("instanceSchema") or "{}")
            if schema.get("title") == PAGE_TYPE:
                artifact["type"] = {"schemaTitle": PAGE_CLASS}
                artifact["uri"] += "/index.html"


def add_metadata(invocation: dict[str, Any], driver_output: dict[str, Any]) -> None:
    """Passes a driver's properties of the output artifacts (span, fingerprint) to the executor.

    Args:
        invocation: KFP's `ExecutorInput`, as JSON; changed in place.
        driver_output: KFP's `ExecutorOutput`, as JSON.
    """
    for key, artifacts in driver_output.get("artifacts", {}).items():
        outputs = invocation["outputs"]["artifacts"][key]["artifacts"]
        for artifact, noted in zip(outputs, artifacts["artifacts"], strict=True):
            artifact["metadata"] = {**artifact.get("metadata", {}), **noted.get("metadata", {})}


def _command(module: str, invocation: dict[str, Any], inputs_spec: dict[str, Any], others: Sequence[str]) -> list[str]:
    return [
        sys.executable,
        "-m",
        module,
        INVOCATION,
        json.dumps(invocation),
        INPUTS_SPEC,
        json.dumps(inputs_spec),
        *others,
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
