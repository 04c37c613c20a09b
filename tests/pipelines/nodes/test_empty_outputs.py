"""Output folders that are there before a node works: those of another ML Metadata, or of a try that was killed."""

from tfx.orchestration.portable import outputs_utils
from tfx.types import standard_artifacts
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, set_parameters
from tfx_lm.pipelines.nodes.empty_outputs import empty_outputs
from tfx_lm.pipelines.nodes.node_run import run_node


def artifact(kind, uri, is_external=False):
    made = kind()
    made.uri, made.is_external = str(uri), is_external
    return made


def test_folders_and_values_are_removed_and_what_is_elsewhere_is_not(tmp_path, capsys):
    shard, number, mine = tmp_path / "1" / "Split-train" / "part-1-of-2", tmp_path / "2" / "value", tmp_path / "3" / "a"
    for file in (shard, number, mine):
        file.parent.mkdir(parents=True)
        file.write_text("7")
    made = {
        "examples": [artifact(standard_artifacts.Examples, tmp_path / "1")],
        "number": [artifact(standard_artifacts.Integer, number)],
        "mine": [artifact(standard_artifacts.Examples, mine.parent, is_external=True)],
        "new": [artifact(standard_artifacts.Model, tmp_path / "4")],
    }
    with empty_outputs():
        outputs_utils.make_output_dirs(made)
    assert list((tmp_path / "1").iterdir()) == list((tmp_path / "4").iterdir()) == []
    assert (number.read_text(), mine.read_text()) == ("", "7")
    assert (
        capsys.readouterr().out
        == f"{tmp_path}/1: removed what an earlier try, or another execution of this number, had made\n"
    )
    # Outside of the block, TFX's own.
    shard.parent.mkdir()
    shard.write_text("7")
    outputs_utils.make_output_dirs(made)
    assert shard.read_text() == "7"


def test_a_node_of_another_ml_metadata_keeps_no_file_of_the_first(small_nodes, tmp_path):
    """With equal numbers of files, the second ones would replace the first ones. Beam decides about the number."""

    def files(store, count):
        connection = connection_config(f"sqlite:///{tmp_path}/{store}.sqlite")
        ir = compile_pipeline(small_nodes.pipeline_of(tmp_path, connection, small_nodes.shards(count)))
        set_parameters(ir, "run", {})
        assert [run_node(ir, node).state for node in ("Number", "Shards")] == ["COMPLETE", "COMPLETE"]
        (folder,) = (tmp_path / "artifacts" / "Shards" / "made").iterdir()
        return sorted(file.name for file in folder.iterdir())

    assert files("first", 2) == ["part-0-of-2", "part-1-of-2"]
    assert files("second", 1) == ["part-0-of-1"]
