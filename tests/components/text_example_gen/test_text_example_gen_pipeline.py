import gzip
import json

import pytest
from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.range_config_pb2 import RangeConfig, RollingRange
from tfx_lm.components.text_example_gen.component import TextExampleGen
from tfx_lm.components.text_example_gen.input_config import input_base_and_config

BEAM_ARGS = [
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",
]


def _run(root, files, **options):
    """Runs a pipeline of this node alone; returns the state of its newest execution and its artifact."""
    base, input_config, output_config, input_splits = input_base_and_config(
        [str(file) for file in files], None, {"train": 9, "eval": 1}
    )
    example_gen = TextExampleGen(base, input_config, output_config, input_splits=input_splits, **options)
    connection = metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite"))
    try:
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="only-examples",
                pipeline_root=str(root / "artifacts"),
                components=[example_gen],
                metadata_connection_config=connection,
                beam_pipeline_args=BEAM_ARGS,
                enable_cache=True,
            )
        )
    finally:
        store = MetadataStore(connection)
        execution = max(store.get_executions_by_type(example_gen.type), key=lambda one: one.id)
    state = metadata_store_pb2.Execution.State.Name(execution.last_known_state)
    (artifact,) = [
        artifact
        for artifact in store.get_artifacts_by_type("Examples")
        if artifact.id in {event.artifact_id for event in store.get_events_by_execution_ids([execution.id])}
    ]
    return state, artifact


@pytest.mark.slow
def test_the_node_runs_is_cached_and_runs_again_when_its_input_changes(tmp_path):
    (tmp_path / "corpus" / "more").mkdir(parents=True)
    one, two = tmp_path / "corpus" / "one.txt", tmp_path / "corpus" / "more" / "two.txt.gz"
    one.write_text("".join(f"line number {number}\n" for number in range(60)))
    two.write_bytes(gzip.compress("".join(f"row {number}\n" for number in range(40)).encode()))

    state, artifact = _run(tmp_path, [one, two])
    assert state == "COMPLETE"
    counts = {name: value.int_value for name, value in artifact.custom_properties.items()}
    assert counts["lines"] == counts["examples_train"] + counts["examples_eval"] == 100
    assert artifact.properties["split_names"].string_value == '["train", "eval"]'
    assert "split:files-0,num_files:1" in artifact.custom_properties["input_fingerprint"].string_value

    state, same = _run(tmp_path, [one, two])
    assert (state, same.id) == ("CACHED", artifact.id)

    state, _ = _run(tmp_path, [one, two], invalid_utf8="drop")
    assert state == "COMPLETE"

    one.write_text("".join(f"line number {number}\n" for number in range(70)))
    state, changed = _run(tmp_path, [one, two])
    assert state == "COMPLETE"
    assert changed.custom_properties["lines"].int_value == 110


@pytest.mark.slow
def test_the_newest_spans_are_read_and_the_same_spans_are_cached(tmp_path):
    def add(span, lines):
        folder = tmp_path / f"span-{span}"
        folder.mkdir()
        (folder / "x.txt").write_text("".join(f"line number {number}\n" for number in range(lines)))

    def run(files):
        return _run(tmp_path, files, range_config=RangeConfig(rolling_range=RollingRange(num_spans=2)))

    files = [tmp_path / "span-{SPAN}" / "*.txt"]
    for span, lines in ((1, 20), (2, 50), (3, 80)):
        add(span, lines)
    state, artifact = run(files)
    assert state == "COMPLETE"
    assert artifact.custom_properties["span"].int_value == 3
    assert [read["span"] for read in json.loads(artifact.custom_properties["spans"].string_value)] == [2, 3]
    assert artifact.custom_properties["lines"].int_value == 130
    state, same = _run(tmp_path, files, spans="2,3")
    assert (state, same.id) == ("CACHED", artifact.id)
    add(4, 10)
    state, newer = run(files)
    assert (state, newer.custom_properties["lines"].int_value) == ("COMPLETE", 90)


@pytest.mark.slow
def test_a_failed_node_says_why_and_leaves_no_output(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"good\n\xff\n")
    with pytest.raises(
        ValueError, match=r"1 line not valid UTF-8: .*x\.txt line 2; .*set invalid_utf8 to drop"
    ) as error:
        _run(tmp_path, [tmp_path / "x.txt"])
    assert type(error.value).__name__ == "InputError"
    assert not [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
