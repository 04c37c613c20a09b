"""Folders of output artifacts that a first try of a task has filled."""

from tfx.types import standard_artifacts
from tfx_lm.components.empty_folder import empty_folder, empty_folders


def test_everything_in_the_folders_is_removed_and_nothing_else(tmp_path):
    artifacts = [standard_artifacts.Examples() for _ in range(3)]
    for artifact, name in zip(artifacts, ("one", "two", "three"), strict=True):
        artifact.uri = str(tmp_path / name)
    for name in ("one", "two", "other"):
        (tmp_path / name / "Split-train").mkdir(parents=True)
        (tmp_path / name / "Split-train" / "data_tfrecord-00001-of-00002.gz").touch()
        (tmp_path / name / ".hidden").touch()
    empty_folders({"examples": artifacts[:2], "more": artifacts[2:]})
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["other/.hidden", "other/Split-train/data_tfrecord-00001-of-00002.gz"]
    assert list((tmp_path / "one").iterdir()) == []
    assert not (tmp_path / "three").exists()


def test_an_object_store():
    """TensorFlow's own in-memory files stand in for it."""
    import tensorflow as tf

    tf.io.gfile.makedirs("ram://bucket/transformed/Split-train")
    with tf.io.gfile.GFile("ram://bucket/transformed/Split-train/data.gz", "w") as file:
        file.write("a")
    empty_folder("ram://bucket/transformed")
    assert not tf.io.gfile.exists("ram://bucket/transformed/Split-train/data.gz")
