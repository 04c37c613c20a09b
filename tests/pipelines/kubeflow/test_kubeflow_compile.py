"""The specification that `tfx-lm compile --runner kubeflow` writes, and what is refused."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import create_autospec

import pytest
import tfx_lm
import yaml
from click.testing import CliRunner
from helpers.programs import program
from tfx_lm import exit_codes
from tfx_lm.cli.cli import main
from tfx_lm.pipelines.code_digest import code_digest
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.errors import ConfigurationError
from tfx_lm.pipelines.kubeflow import kubeflow_runner
from tfx_lm.pipelines.kubeflow.kubeflow_checks import check_kubeflow

pytestmark = pytest.mark.slow

SCRIPTS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def config(small_config):
    return load_config(small_config)


@pytest.fixture(scope="module")
def compiled(config, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "folder" / "pipeline.yaml"
    kubeflow_runner.compile_pipeline(config, path)
    return path


@pytest.fixture(scope="module")
def spec(compiled) -> dict:
    return yaml.safe_load(compiled.read_text())


def test_the_kfp_sdk_loads_it(compiled, config):
    from kfp import components

    component = components.load_component_from_file(str(compiled))
    assert component.name == "small"
    inputs = component.component_spec.inputs
    assert inputs["data_path"].default == "gs://bucket/corpus"
    assert inputs["trainer_learning_rate"].default == config.trainer.learning_rate
    assert inputs["trainer_learning_rate"].type == "Float"
    assert inputs["trainer_epochs"].type == "Integer"
    assert all(one.optional for one in inputs.values())


def test_every_number_of_the_trainer_is_a_parameter_of_the_run(spec, config):
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    numbers = {
        f"trainer_{name}": value for name, value in config.trainer.model_dump().items() if type(value) in (int, float)
    }
    assert {name: of["defaultValue"] for name, of in parameters.items()} == numbers | {
        "data_path": "gs://bucket/corpus"
    }
    given = spec["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
    for name in numbers:
        assert given[name] == {"componentInputParameter": name}


def test_a_first_task_checks_all_parameters(spec):
    tasks = spec["root"]["dag"]["tasks"]
    given = tasks["CheckParameters"]["inputs"]["parameters"]
    names = spec["root"]["inputDefinitions"]["parameters"]
    assert {name: given[name] for name in names} == {name: {"componentInputParameter": name} for name in names}
    assert [name for name, task in tasks.items() if not task.get("dependentTasks")] == ["CheckParameters"]
    # Otherwise another learning rate would read all data again.
    assert "trainer_epochs" not in tasks["TextExampleGen"]["inputs"]["parameters"]


def test_no_task_waits_for_what_nobody_makes(spec):
    tasks = spec["root"]["dag"]["tasks"]
    assert {"TextExampleGen", "Transform", "Trainer", "Baseline", "Evaluator", "Pusher"} <= set(tasks)
    for name, task in tasks.items():
        inputs = task.get("inputs", {})
        producers = {source["taskOutputArtifact"]["producerTask"] for source in inputs.get("artifacts", {}).values()}
        assert producers <= set(task.get("dependentTasks", [])) <= set(tasks), name
        for key, source in inputs.get("parameters", {}).items():
            assert set(source) <= {"runtimeValue", "componentInputParameter"}, (name, key)


def test_every_task_is_a_container_of_our_image(spec):
    for name, executor in spec["deploymentSpec"]["executors"].items():
        assert set(executor) == {"container"}, name
        assert executor["container"]["image"] == "registry.example.com/tfx-lm:0.1.0"
        assert executor["container"]["command"] == ["python", "-m", "tfx_lm.pipelines.kubeflow.kubeflow_entrypoint"]


def test_resources(spec):
    executors = spec["deploymentSpec"]["executors"]
    resources = {name.removesuffix("_executor"): of["container"]["resources"] for name, of in executors.items()}
    assert resources.pop("Trainer") == {
        "cpuLimit": 4.0,
        "memoryLimit": 16.0,
        "accelerator": {"type": "nvidia.com/gpu", "count": "2"},
    }
    assert resources.keys() == spec["root"]["dag"]["tasks"].keys() - {"Trainer"}
    assert all(of == {"memoryLimit": 4.0} for of in resources.values())


def test_the_code_digest_and_the_paths_survive(spec):
    tasks = spec["root"]["dag"]["tasks"]
    for task in tasks.values():
        assert task["inputs"]["parameters"]["code_digest"] == {"runtimeValue": {"constant": code_digest()}}
    assert spec["defaultPipelineRoot"] == "gs://bucket/small/artifacts"
    served = tasks["Baseline"]["inputs"]["parameters"]["push_destination"]["runtimeValue"]["constant"]
    assert served == "gs://bucket/small/serving"
    custom_config = json.loads(tasks["Trainer"]["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"])
    assert custom_config["backup_directory"] == "gs://bucket/small/training_backup"


def test_a_tuner(small_config, tmp_path):
    config = load_config(small_config, ["tuner.trials=2", "tuner.space={dropout: [0.1]}"])
    kubeflow_runner.compile_pipeline(config, tmp_path / "pipeline.yaml")
    spec = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
    root, executors = spec["root"], spec["deploymentSpec"]["executors"]
    # Trials are trainings.
    needs = {
        name: executors[f"{name}_executor"]["container"]["resources"] for name in ("Tuner", "Trainer", "Transform")
    }
    assert needs["Tuner"] == needs["Trainer"] != needs["Transform"]
    tuner, trainer = (root["dag"]["tasks"][name] for name in ("Tuner", "Trainer"))
    assert tuner["inputs"]["parameters"]["trainer_epochs"] == {"componentInputParameter": "trainer_epochs"}
    custom_config = json.loads(tuner["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"])
    assert custom_config["search_directory"] == "gs://bucket/small/tuning_backup"
    given = trainer["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"]
    assert given == {"producerTask": "Tuner", "outputArtifactKey": "best_hyperparameters"}
    assert "trainer_dropout" not in root["inputDefinitions"]["parameters"]


def cached_tasks(spec) -> set[str]:
    return {
        name for name, task in spec["root"]["dag"]["tasks"].items() if task["cachingOptions"].get("enableCache", False)
    }


def test_caching_is_off_unless_asked_for(spec, small_config, tmp_path):
    assert cached_tasks(spec) == spec["root"]["dag"]["tasks"].keys() - {"Baseline"}
    kubeflow_runner.compile_pipeline(load_config(small_config, ["kubeflow.cache=false"]), tmp_path / "pipeline.yml")
    assert cached_tasks(yaml.safe_load((tmp_path / "pipeline.yml").read_text())) == set()


def test_what_reads_the_newest_span_is_never_cached(small_config, tmp_path):
    config = load_config(small_config, ["data.files=gs://b/{SPAN}/*.txt"])
    kubeflow_runner.compile_pipeline(config, tmp_path / "pipeline.yaml")
    spec = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
    assert cached_tasks(spec) == spec["root"]["dag"]["tasks"].keys() - {"Baseline", "TextExampleGen"}
    assert spec["root"]["inputDefinitions"]["parameters"]["data_spans"]["defaultValue"] == ""
    # Vertex AI would run TFX's driver, which finds one span only.
    assert [of["container"].keys() & {"lifecycle"} for of in spec["deploymentSpec"]["executors"].values()] == [
        set() for _ in spec["deploymentSpec"]["executors"]
    ]


def test_nothing_is_left_beside_the_file(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kubeflow_runner.compile_pipeline(config, "pipeline.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["pipeline.yaml"]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("kubeflow.image=null", "kubeflow.image: not set; build the Dockerfile's image and name it there"),
        ("kubeflow.pipeline_root=null", "kubeflow.pipeline_root: not set; name a folder on object storage"),
        ("name=My_Model", "name=My_Model: Kubeflow takes lower-case letters, digits and '-' only"),
        ("data.files=corpus.txt", "data: corpus.txt lies on this machine, where no container finds it"),
        ("data.files=[]", "data: no input; set data.files or data.splits"),
        ("keep_runs=3", "keep_runs=3: Kubeflow keeps its own records of artifacts, which a pipeline cannot prune"),
        ("vocabulary.file=/words.txt", "vocabulary.file: /words.txt lies on this machine"),
        (
            "beam={runner: flink, job_server: 'jobs:8099'}",
            "beam.worker: not set, and the cluster's hosts are not this machine",
        ),
    ],
)
def test_what_cannot_run_in_containers_is_refused(small_config, override, expected):
    with pytest.raises(ConfigurationError) as caught:
        check_kubeflow(load_config(small_config, [override]))
    assert str(caught.value).startswith(expected)


def test_a_file_of_another_kind_is_refused(config, tmp_path):
    with pytest.raises(ConfigurationError, match=r"pipeline\.py: must end in \.yaml"):
        kubeflow_runner.compile_pipeline(config, tmp_path / "pipeline.py")


def test_the_command(small_config, tmp_path, spec, monkeypatch):
    """In this process; `tests/end_to_end/test_readme.py` starts one."""
    monkeypatch.chdir(tmp_path)
    command = ["compile", "--runner", "kubeflow", "--config", str(small_config)]
    done = CliRunner().invoke(main, [*command, "--output", "small-kubeflow.yaml"])
    assert done.exit_code == 0, done.output
    assert yaml.safe_load((tmp_path / "small-kubeflow.yaml").read_text()) == spec
    refused = CliRunner().invoke(main, [*command, "--set", "kubeflow.image=null", "--output", "other.yaml"])
    assert refused.exit_code == exit_codes.BAD_INPUT
    assert refused.output.startswith("tfx-lm: kubeflow.image: not set")
    assert not (tmp_path / "other.yaml").exists()


@pytest.mark.slow
def test_without_the_sdk_the_extra_is_named(small_config, tmp_path):
    command = program("tfx_lm_without", "kfp", "compile", "--runner", "kubeflow", "--config", small_config)
    done = subprocess.run([*command, "--output", tmp_path / "pipeline.yaml"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "install tfx-lm[kubeflow]" in done.stderr


@pytest.mark.slow
def test_tfxs_own_command_line_takes_the_runner(small_config, tmp_path, spec):
    """As far as it goes without Google's cloud: the pipeline is compiled and kept in TFX's folder."""
    environment = os.environ | {
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
        "TFX_LM_CONFIG": str(small_config),
        "HOME": str(tmp_path),
    }
    command = ["tfx", "pipeline", "create", "--engine=vertex", f"--pipeline-path={kubeflow_runner.__file__}"]
    done = subprocess.run(
        [SCRIPTS / command[0], *command[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'Pipeline "small" created successfully' in done.stdout
    job = json.loads((tmp_path / "tfx" / "vertex" / "small" / "pipeline.json").read_text())
    assert job["pipelineSpec"] == spec
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/small/artifacts"


def test_the_starting_model_is_looked_up_in_each_run_and_read_by_transform_and_trainer(small_config, tmp_path):
    settings = ["trainer.warm_start=baseline", "vocabulary.from=baseline", "vocabulary.grow=5"]
    kubeflow_runner.compile_pipeline(load_config(small_config, settings), tmp_path / "pipeline.yaml")
    spec = yaml.safe_load((tmp_path / "pipeline.yaml").read_text())
    tasks = spec["root"]["dag"]["tasks"]
    given = tasks["StartingModel"]["inputs"]
    assert given["artifacts"]["examples"]["taskOutputArtifact"]["producerTask"] == "TextExampleGen"
    values = {name: of["runtimeValue"]["constant"] for name, of in given["parameters"].items()}
    assert values["push_destination"] == "gs://bucket/small/serving"
    assert values["kubeflow_run"] == "{{$.pipeline_job_uuid}}"
    assert "model_path" not in values
    for task in ("Transform", "Trainer"):
        model = tasks[task]["inputs"]["artifacts"]["base_model"]["taskOutputArtifact"]
        assert model == {"producerTask": "StartingModel", "outputArtifactKey": "base_model"}


def test_the_weekly_loop_of_the_guide(small_config, tmp_path, monkeypatch):
    import kfp

    page = (Path(tfx_lm.__file__).parent / "docs" / "guide" / "retraining.md").read_text(encoding="utf-8")
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    (weekly,) = (block for language, block in fenced if language == "yaml" and "span_window:" in block)
    settings = yaml.safe_load(
        weekly.replace("news/", "gs://bucket/news/").replace("heldout.txt", "gs://bucket/heldout")
    )
    settings["kubeflow"] = yaml.safe_load(small_config.read_text())["kubeflow"]
    (tmp_path / "weekly.yaml").write_text(yaml.safe_dump(settings))
    config = load_config(tmp_path / "weekly.yaml")
    monkeypatch.chdir(tmp_path)
    kubeflow_runner.compile_pipeline(config, "weekly-kubeflow.yaml")
    spec = yaml.safe_load(Path("weekly-kubeflow.yaml").read_text())
    looked_up = {"Baseline", "StartingModel", "TextExampleGen"}
    assert cached_tasks(spec) == spec["root"]["dag"]["tasks"].keys() - looked_up
    inputs = {name: task.get("inputs", {}).get("artifacts", {}) for name, task in spec["root"]["dag"]["tasks"].items()}
    sources = {name: of["taskOutputArtifact"]["producerTask"] for name, of in inputs["DriftValidator"].items()}
    assert sources == {"examples": "TextExampleGen", "base_model": "StartingModel"}
    assert inputs["Report"]["anomalies"]["taskOutputArtifact"]["producerTask"] == "DriftValidator"

    # The calls fit the SDK, and the file is one that it reads.
    client = create_autospec(kfp.Client, instance=True)
    monkeypatch.setattr(kfp, "Client", lambda host: client)
    (snippet,) = (block for language, block in fenced if language == "python" and "create_recurring_run(" in block)
    exec(compile(snippet, "docs/guide/retraining.md", "exec"), {})
    given = client.create_recurring_run.call_args.kwargs
    assert given["pipeline_root"] == "gs://bucket/weekly/artifacts"
    assert kfp.components.load_component_from_file(given["pipeline_package_path"]).name == "weekly"


def test_a_model_of_this_machine_is_refused(small_config):
    with pytest.raises(
        ConfigurationError, match=r"^trainer.warm_start: model lies on this machine, where no container"
    ):
        check_kubeflow(load_config(small_config, ["trainer.warm_start=model"]))
    check_kubeflow(load_config(small_config, ["trainer.warm_start=gs://bucket/model"]))
