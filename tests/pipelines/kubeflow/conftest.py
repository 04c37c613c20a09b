"""Runs a compiled pipeline without a cluster.

`Cluster` plays the part of Kubeflow Pipelines' driver and launcher (backend/src/v2 of kubeflow/pipelines): it walks the
specification in the order of its DAG, resolves inputs and placeholders, runs each container's own command and arguments
as a local process, and records what the process wrote to its output file. The processes of `fresh` tasks are new ones;
the others are forked from one that has imported TFX (`helpers/programs/fork_containers.py`). With an image, each
process runs in a container of its own. What it does not play: Kubernetes (the resources) and object storage, which is a
folder; `gs://bucket` is replaced by its path throughout.
"""

import graphlib
import hashlib
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tfx_lm
import yaml
from helpers.container_image import ContainerImage, make_writable
from helpers.killable_pipeline import wait_for
from helpers.local_run import CONFIG
from helpers.programs import program

BUCKET = "gs://bucket"
KUBEFLOW = {
    "image": "registry.example.com/tfx-lm:0.1.0",
    "pipeline_root": "gs://bucket/small",
    "cache": True,
    "trainer": {"cpu": 4, "memory_gb": 16, "accelerator": "nvidia.com/gpu", "accelerator_count": 2},
    "nodes": {"memory_gb": 4},
}


@dataclass
class Artifact:
    """What ML Metadata keeps of an artifact."""

    id: int
    uri: str
    properties: dict


@dataclass
class Run:
    """How a run went: the output artifacts of each task, by key, and which tasks were taken from the cache."""

    id: str
    outputs: dict = field(default_factory=dict)
    cached: list = field(default_factory=list)
    logs: dict = field(default_factory=dict)

    def uri(self, task: str, key: str) -> Path:
        return Path(self.outputs[task][key].uri)


class TaskFailedError(Exception):
    pass


class Cluster:
    """A cluster whose bucket is a folder; its containers are processes of this machine, or containers of an image."""

    def __init__(self, folder: Path, image: ContainerImage | None = None) -> None:
        self.bucket = folder / "bucket"
        self._local = folder / "local"
        for each in (self.bucket, self._local):
            make_writable(each)
        self._image = image
        self._folder = folder
        self._ids = itertools.count(1)
        self._runs = itertools.count(1)
        self._cache = {}
        self._workdir, self._home = folder / "workdir", folder / "home"
        for each in (folder / "logs", self._workdir, self._home):
            each.mkdir()
        # As in a container: nothing of this process's environment, and an empty folder.
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self._home),
            "PYTHONPATH": str(Path(tfx_lm.__file__).parent.parent),
        }
        self._forking = None
        if image is None:
            self._forking = subprocess.Popen(
                program("fork_containers"), cwd=self._workdir, env=self._environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip

    def stop(self) -> None:
        if self._forking:
            self._forking.communicate(timeout=60)

    def artifact(self, folder) -> Artifact:
        """What some task has made before."""
        return Artifact(next(self._ids), str(folder), {})

    def run(
        self, specification: Path, parameters=None, only=None, given=None, fresh: Collection[str] = (),
        killed: Mapping[str, Callable[[], object]] | None = None,
    ) -> Run:  # fmt: skip
        """Runs a specification; `only` names the tasks to run, if not all, and `given` has the outputs of others.

        `fresh` names the tasks whose processes are new ones, and `killed` those that are killed, each as soon as its
        condition is true.
        """
        spec = yaml.safe_load(specification.read_text().replace(BUCKET, str(self.bucket)))
        assert spec["schemaVersion"] == "2.1.0"
        declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        assert set(parameters or {}) <= set(declared)
        values = {name: of["defaultValue"] for name, of in declared.items() if "defaultValue" in of}
        values.update(parameters or {})
        run = Run(f"run-{next(self._runs)}", outputs=dict(given or {}))
        root = f"{spec['defaultPipelineRoot']}/{spec['pipelineInfo']['name']}/{run.id}"
        tasks = spec["root"]["dag"]["tasks"]
        order = graphlib.TopologicalSorter({name: task.get("dependentTasks", []) for name, task in tasks.items()})
        for name in order.static_order():
            if only is None or name in only:
                task_root = f"{root}/{name}/{random.randrange(10**9)}"
                self._run_task(name, tasks[name], spec, values, task_root, run, name in fresh, (killed or {}).get(name))
        return run

    def _run_task(self, name, task, spec, values, task_root, run, fresh: bool, killed) -> None:
        component = spec["components"][task["componentRef"]["name"]]
        # A component may make nothing.
        component = {"outputDefinitions": {"artifacts": {}}, **component}
        executor = spec["deploymentSpec"]["executors"][component["executorLabel"]]
        # Resolvers and importers: the backend runs no resolver, and the pipeline has no importer.
        assert set(executor) == {"container"}, f"{name}: open-source Kubeflow cannot run {set(executor)}"
        container = executor["container"]
        invocation = {
            "inputs": self._inputs(name, task, component, values, run),
            "outputs": {
                "artifacts": {
                    key: {
                        "artifacts": [
                            {
                                "name": key,
                                "uri": f"{task_root}/{key}",
                                "type": definition["artifactType"],
                                **({"metadata": definition["metadata"]} if "metadata" in definition else {}),
                            }
                        ]
                    }
                    for key, definition in component["outputDefinitions"]["artifacts"].items()
                },
                "outputFile": f"{self._local}{task_root}/output_metadata.json",
            },
        }
        assert "parameters" not in component["outputDefinitions"]
        cache_key = self._cache_key(invocation, component, container)
        if task.get("cachingOptions", {}).get("enableCache") and cache_key in self._cache:
            run.outputs[name] = self._cache[cache_key]
            run.cached.append(name)
            return
        command = [_resolve(part, invocation) for part in [*container["command"], *container["args"]]]
        # The launcher makes the folder above an output, and not the output's own.
        make_writable(Path(task_root))
        self._run_process(name, command, run, fresh, killed)
        output = json.loads(Path(invocation["outputs"]["outputFile"]).read_text())
        run.outputs[name] = {
            key: self._record(of["artifacts"][0], output.get("artifacts", {}).get(key, {}).get("artifacts", [{}])[0])
            for key, of in invocation["outputs"]["artifacts"].items()
        }
        self._cache[cache_key] = run.outputs[name]

    def _inputs(self, name, task, component, values, run) -> dict:
        parameters, artifacts = {}, {}
        declared = component.get("inputDefinitions", {})
        for key, source in task.get("inputs", {}).get("parameters", {}).items():
            ((kind, value),) = source.items()
            if kind == "componentInputParameter":
                parameters[key] = values[value]
            else:
                assert kind == "runtimeValue", f"{name}.{key}: {kind}"
                # `resolveInputParameter` in driver/resolve.go; the whole value, or none of it.
                placeholders = {"{{$.pipeline_job_uuid}}": run.id}
                parameters[key] = placeholders.get(value["constant"], value["constant"])
            kind = declared["parameters"][key]["parameterType"]
            expected = {"STRING": str, "NUMBER_INTEGER": (int, float), "NUMBER_DOUBLE": (int, float)}[kind]
            assert isinstance(parameters[key], expected), f"{name}.{key} is no {kind}: {parameters[key]}"
            assert kind != "NUMBER_INTEGER" or parameters[key] == int(parameters[key])
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            producer = source["taskOutputArtifact"]
            assert producer["producerTask"] in task["dependentTasks"]
            artifact = run.outputs[producer["producerTask"]][producer["outputArtifactKey"]]
            # The backend keeps no type: `Schema: ""` in metadata/client.go.
            artifacts[key] = {
                "artifacts": [
                    {
                        "name": str(artifact.id),
                        "uri": artifact.uri,
                        "type": {"instanceSchema": ""},
                        "metadata": artifact.properties,
                    }
                ]
            }
        return {"parameterValues": parameters, "artifacts": artifacts}

    def _run_process(self, name, command, run, fresh: bool, killed) -> None:
        log = self._folder / "logs" / f"{next(self._ids)}-{name}.log"
        if self._image is not None:
            code = self._run_in_image(command, log)
        elif killed is not None:
            code = self._run_until(killed, command, log)
        else:
            code = self._run_fresh(command, log) if fresh else self._run_forked(command, log)
        run.logs[name] = log.read_text(errors="replace")
        if code:
            raise TaskFailedError(f"{name} ended with {code}:\n{run.logs[name][-6000:]}")

    def _run_fresh(self, command, log) -> int:
        with log.open("wb") as stream:
            return subprocess.run(
                command, cwd=self._workdir, env=self._environment, stdout=stream, stderr=subprocess.STDOUT, timeout=600
            ).returncode

    def _run_until(self, killed, command, log) -> int:
        """Kills all processes of the container, as the end of a container does."""
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, cwd=self._workdir, env=self._environment, stdout=stream, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            wait_for(killed, process, 0.0)
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait()

    def _run_in_image(self, command, log) -> int:
        with log.open("wb") as stream, self._image.container(self.bucket, self._local) as prefix:
            return subprocess.run([*prefix, *command], stdout=stream, stderr=subprocess.STDOUT, timeout=1200).returncode

    def _run_forked(self, command, log) -> int:
        asked = {"command": command, "log": str(log), "folder": str(self._workdir), "environment": self._environment}
        self._forking.stdin.write(json.dumps(asked) + "\n")
        self._forking.stdin.flush()
        return int(self._forking.stdout.readline())

    def _record(self, provisioned, written) -> Artifact:
        """What the process wrote wins over what it was given; then everything passes through ML Metadata."""
        metadata = {**provisioned.get("metadata", {}), **written.get("metadata", {})}
        properties = {key: _through_ml_metadata(value) for key, value in metadata.items()}
        return Artifact(next(self._ids), written.get("uri") or provisioned["uri"], properties)

    def _cache_key(self, invocation, component, container) -> str:
        inputs = invocation["inputs"]
        names = {key: [one["name"] for one in of["artifacts"]] for key, of in inputs["artifacts"].items()}
        outputs = component["outputDefinitions"]
        parts = [inputs["parameterValues"], names, outputs, container["command"], container["args"], container["image"]]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _through_ml_metadata(value):
    """`StructValueToMLMDValue` and back."""
    assert value is not None, "the launcher fails on null"
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, list):
        return {"list": value}
    return {"struct": value} if isinstance(value, dict) else value


def _resolve(part: str, invocation) -> str:
    """`compileCmdAndArgs` of the launcher: plain text replacement, the whole input first."""
    resolved = part.replace("{{$}}", json.dumps(invocation))
    for side in ("inputs", "outputs"):
        for key, of in invocation[side]["artifacts"].items():
            resolved = resolved.replace(f"{{{{$.{side}.artifacts['{key}'].uri}}}}", of["artifacts"][0]["uri"])
    for key, value in invocation["inputs"]["parameterValues"].items():
        text = value if isinstance(value, str) else np.format_float_positional(value, trim="-")
        resolved = resolved.replace(f"{{{{$.inputs.parameters['{key}']}}}}", text)
    assert not re.search(r"\{\{\$", resolved), f"a placeholder that nobody resolves: {resolved}"
    return resolved


@pytest.fixture(scope="session")
def small_config(tmp_path_factory) -> Path:
    """The YAML file of the local run's model on Kubeflow; its data is below `gs://bucket/corpus`."""
    config = yaml.safe_load(CONFIG)
    config["data"]["files"] = "gs://bucket/corpus/*.txt"
    config["gate"]["slice_tolerance"] = None
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    path.write_text(yaml.safe_dump({**config, "kubeflow": KUBEFLOW}))
    return path


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def image() -> ContainerImage:
    """The image that `make test-image` has built."""
    name = os.environ.get("TFX_LM_IMAGE")
    return ContainerImage(name) if name else pytest.fail("TFX_LM_IMAGE names no image: run make test-image")


@pytest.fixture(scope="session")
def image_cluster(image, tmp_path_factory) -> Cluster:
    """A cluster whose containers are those of the image."""
    return Cluster(tmp_path_factory.mktemp("image-cluster"), image)
