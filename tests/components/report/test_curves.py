import math

import tensorflow as tf
from tfx_lm.components.report.curves import read_curves


def write(folder, values, name="perplexity"):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step, value in values:
            tf.summary.scalar(name, value, step=step)
    writer.close()


def test_curves_of_both_runs(tmp_path):
    write(tmp_path / "train", [(1, 90.0), (2, 50.5)])
    write(tmp_path / "validation", [(2, 60.0), (1, math.inf)])
    curves = read_curves(str(tmp_path))
    assert curves == {"train": {"perplexity": {1: 90.0, 2: 50.5}}, "validation": {"perplexity": {1: math.inf, 2: 60.0}}}
    assert list(curves["validation"]["perplexity"]) == [1, 2]


def test_an_epoch_that_was_recorded_again_after_a_resume(tmp_path):
    write(tmp_path / "train", [(1, 90.0), (2, 70.0)])
    for number, file in enumerate(sorted((tmp_path / "train").iterdir())):
        file.rename(file.with_name(f"events.out.tfevents.100{number}"))
    write(tmp_path / "train", [(2, 50.0)])
    assert read_curves(str(tmp_path))["train"]["perplexity"] == {1: 90.0, 2: 50.0}


def test_no_records(tmp_path):
    assert read_curves(str(tmp_path / "nowhere")) == {"train": {}, "validation": {}}
