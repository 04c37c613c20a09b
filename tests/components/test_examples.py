"""The reader of Examples, on files as any ExampleGen writes them."""

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts
from tfx_lm.components import examples as reader
from tfx_lm.errors import SettingError


def write(path, records, compression):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)


def artifact(folder, splits):
    made = standard_artifacts.Examples()
    made.uri = str(folder)
    made.split_names = artifact_utils.encode_split_names(splits)
    return made


def test_compressed_and_uncompressed_files_are_read_whatever_they_are_called(tmp_path):
    # The length of the record begins an uncompressed file: 0x1f8b as a number is no gzip file.
    write(tmp_path / "Split-eval" / "data-0", [b"a", b"b"], "")
    write(tmp_path / "Split-eval" / "data-1", [b"c"], "GZIP")
    write(tmp_path / "Split-eval" / "data-2.gz", [b"d"], "GZIP")
    write(tmp_path / "Split-eval" / "data-3", [bytes(0x8B1F)], "")
    write(tmp_path / "Split-eval" / "data-4", [], "")
    files = reader.split_files([artifact(tmp_path, ["eval"])], ["eval"])
    assert [file.rpartition("/")[2] for file in files] == ["data-0", "data-1", "data-2.gz", "data-3", "data-4"]
    assert [reader.compression(file) for file in files] == ["", "GZIP", "GZIP", "", ""]
    assert list(reader.read_records(files).as_numpy_iterator()) == [b"a", b"b", b"c", b"d", bytes(0x8B1F)]


def test_any_split_of_several_artifacts(tmp_path):
    for name, splits in (("first", ["train", "test", "eval"]), ("second", ["train", "test"])):
        for split in splits:
            write(tmp_path / name / f"Split-{split}" / "data.gz", [f"{name} {split}".encode()], "GZIP")
    both = [artifact(tmp_path / "first", ["train", "test", "eval"]), artifact(tmp_path / "second", ["train", "test"])]
    assert reader.split_names(both) == ["train", "test"]
    files = reader.split_files(both, ["test", "train"])
    assert list(reader.read_records(files).as_numpy_iterator()) == [
        b"first test", b"second test", b"first train", b"second train",
    ]  # fmt: skip
    with pytest.raises(SettingError, match=r"example_splits=\['dev'\]: the examples have no such split; .*train, test"):
        reader.split_files(both, ["train", "dev"])


def test_what_a_killed_beam_step_left_is_no_file(tmp_path):
    write(tmp_path / "Split-eval" / "data-0", [b"a"], "")
    write(tmp_path / "Split-eval" / "beam-temp-data-1b9e" / "4c21.data", [b"a"], "")
    # On object storage, a pattern may match within folders.
    assert reader.split_files([artifact(tmp_path, ["eval"])], ["eval"]) == [f"{tmp_path}/Split-eval/data-0"]


def test_an_artifact_below_a_folder_of_that_name_has_files(tmp_path):
    write(tmp_path / "beam-temp-x" / "Split-eval" / "data-0", [b"a"], "")
    assert len(reader.split_files([artifact(tmp_path / "beam-temp-x", ["eval"])], ["eval"])) == 1


def test_no_files_hold_no_examples():
    assert list(reader.read_records([]).as_numpy_iterator()) == []
