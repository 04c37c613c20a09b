"""Our components in a pipeline that TFX's own KubeflowV2DagRunner compiles, which asks for the cache for every task."""

import pytest
import yaml
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig
from tfx.orchestration.pipeline import Pipeline
from tfx_lm.components import TextExampleGen
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.kubeflow.kubeflow_runner import COMMAND, deployable_pipeline

RUN_ID = "{{$.pipeline_job_uuid}}"


def compiled(pipeline, commands=None, **options) -> dict:
    config = KubeflowV2DagRunnerConfig(default_image="image", default_commands=commands, **options)
    return KubeflowV2DagRunner(config).run(pipeline, write_out=False)["pipelineSpec"]


def parameters(spec, task) -> dict:
    return spec["root"]["dag"]["tasks"][task]["inputs"]["parameters"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "value"),
    [({"use_pipeline_spec_2_1": True}, {"constant": RUN_ID}), ({}, {"constantValue": {"stringValue": RUN_ID}})],
)
def test_the_id_of_the_run_is_part_of_what_depends_on_more_than_its_inputs(small_config, options, value):
    spec = compiled(deployable_pipeline(load_config(small_config)), **options)
    assert all(task["cachingOptions"] == {"enableCache": True} for task in spec["root"]["dag"]["tasks"].values())
    assert parameters(spec, "Baseline")["kubeflow_run"] == {"runtimeValue": value}
    assert [task for task in spec["root"]["dag"]["tasks"] if "kubeflow_run" in parameters(spec, task)] == ["Baseline"]

    spans = load_config(small_config, ["data.files=gs://bucket/span-{SPAN}/*.txt"])
    spec = compiled(deployable_pipeline(spans), **options)
    assert parameters(spec, "TextExampleGen")["kubeflow_run"] == {"runtimeValue": value}


def test_the_placeholder_is_the_one_of_the_kfp_sdk():
    from kfp import dsl
    from tfx_lm.components import kubeflow_run

    assert kubeflow_run.KUBEFLOW_RUN == dsl.PIPELINE_JOB_ID_PLACEHOLDER == RUN_ID


def spans_pipeline():
    example_gen = TextExampleGen.from_files(files="gs://bucket/stock/span-{SPAN}/*.txt", eval_percent=20)
    return Pipeline(
        pipeline_name="stock", pipeline_root="gs://bucket/stock/root", components=[example_gen], enable_cache=True,
        beam_pipeline_args=["--sdk_container_image=none"],
    )  # fmt: skip


def written(spec, path):
    """The file of a specification with a pipeline root, which whoever starts a run names."""
    path.write_text(yaml.safe_dump({**spec, "defaultPipelineRoot": "gs://bucket/stock/root"}))
    return path


def add_span(cluster, number, lines):
    folder = cluster.bucket / "stock" / f"span-{number}"
    folder.mkdir(parents=True)
    (folder / "text.txt").write_text("".join(f"sentence {line}\n" for line in range(lines)))


@pytest.mark.slow
def test_a_newly_served_model_is_noticed(cluster, small_config, save_uniform_model, tmp_path):
    config = load_config(small_config, ["kubeflow.pipeline_root=gs://bucket/stock_models"])
    spec = written(compiled(deployable_pipeline(config), COMMAND, use_pipeline_spec_2_1=True), tmp_path / "stock.yaml")
    save_uniform_model(8, path=tmp_path / "candidate" / "Format-Serving")
    given = {"Trainer": {"model": cluster.artifact(tmp_path / "candidate")}}
    for version in (1, 2):
        pushed = save_uniform_model(8 + version, path=cluster.bucket / "stock_models" / "serving" / str(version))
        run = cluster.run(spec, only={"Baseline"}, given=given)
        assert run.cached == []
        assert str(pushed) in run.outputs["Baseline"]["baseline"].properties.values()


@pytest.mark.slow
def test_the_newest_span_is_read_with_our_command(cluster, tmp_path):
    spec = written(compiled(spans_pipeline(), COMMAND, use_pipeline_spec_2_1=True), tmp_path / "stock.yaml")
    for number, lines in ((1, 100), (2, 150)):
        add_span(cluster, number, lines)
        run = cluster.run(spec)
        assert run.cached == []
        assert run.outputs["TextExampleGen"]["examples"].properties["lines"] == lines


@pytest.mark.slow
def test_the_newest_span_is_read_with_tfxs_command(cluster, tmp_path):
    spec = written(compiled(spans_pipeline(), use_pipeline_spec_2_1=True), tmp_path / "stock.yaml")
    add_span(cluster, 3, 120)
    assert cluster.run(spec).outputs["TextExampleGen"]["examples"].properties["lines"] == 120
