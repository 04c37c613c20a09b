"""Records of an artifact's files, and what is wrong with files that have a record."""

import errno
import os

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx_lm.file_lock import lock
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.node_metadata import NodeMetadata
from tfx_lm.pipelines.nodes import artifact_files
from tfx_lm.pipelines.nodes.artifact_files import DamageCheck, damage_of, record_files


class Records:
    """Records of a node with one output."""

    def __init__(self, folder):
        self.artifact = metadata_store_pb2.Artifact(id=1, uri=str(folder))

    def outputs(self, node_id):
        return [self.artifact]

    def update(self, artifact):
        assert artifact is self.artifact


@pytest.fixture
def records(tmp_path):
    for number in range(100):
        (tmp_path / f"part-{number}").write_text(str(number))
    records = Records(tmp_path)
    record_files(records, "Node")
    return records


def test_each_part_of_a_record_is_short(records, tmp_path):
    properties = records.artifact.custom_properties
    assert {"tfx_lm_files", "tfx_lm_files_1", "tfx_lm_files_2"} < set(properties)
    assert max(len(value.string_value.encode()) for value in properties.values()) <= 2000
    assert damage_of(records.artifact) is None
    for number in range(100):
        (tmp_path / f"part-{number}").rename(tmp_path / "away")
        assert damage_of(records.artifact) == f"{tmp_path}: part-{number} is missing"
        (tmp_path / "away").rename(tmp_path / f"part-{number}")
    for number in range(1, 100):
        (tmp_path / f"part-{number}").unlink()
    record_files(records, "Node")
    assert list(properties) == ["tfx_lm_files"]
    assert damage_of(records.artifact) is None


def test_a_file_that_cannot_be_read(records, tmp_path):
    (tmp_path / "part-7").unlink()
    (tmp_path / "part-7").symlink_to(tmp_path / "part-7")
    assert damage_of(records.artifact).startswith(f"{tmp_path}: cannot be read ([Errno {errno.ELOOP}] ")


def test_a_link_that_leads_nowhere(records, tmp_path):
    (tmp_path / "part-7").unlink()
    (tmp_path / "part-7").symlink_to(tmp_path / "nowhere")
    assert damage_of(records.artifact) == f"{tmp_path}: part-7 is missing"


def test_the_files_of_an_artifact_are_read_once(records, monkeypatch):
    read = []
    monkeypatch.setattr(artifact_files, "damage_of", lambda artifact: read.append(artifact.id))
    check = DamageCheck()
    assert [check(records.artifact), check(records.artifact)] == [None, None]
    assert read == [1]


def test_others_use_ml_metadata_while_files_are_read(tmp_path):
    lock_file = tmp_path / "metadata.sqlite.lock"
    with NodeMetadata(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")) as handle:
        with handle.unlocked():
            os.close(lock(lock_file, wait=False))
        with pytest.raises(BlockingIOError):
            lock(lock_file, wait=False)
        assert handle.store.get_artifacts() == []
