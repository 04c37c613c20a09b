"""Warnings of a training that ended well."""

import json

import pytest
from tfx_lm.components.trainer.training_warnings import training_warnings


def training_of(folder, epochs, options=None, **train):
    record = {"train": {"batches": 40, **train}, "epochs": epochs}
    # Older releases wrote no options.
    (folder / "training.json").write_text(json.dumps(record if options is None else {**record, "options": options}))


@pytest.mark.parametrize("epochs", [[], [{"loss": 2.0}], [{"skipped_steps": 0}, {"skipped_steps": 0}]])
def test_no_step_was_skipped(tmp_path, epochs):
    """Also if an older release wrote the file."""
    training_of(tmp_path, epochs)
    assert training_warnings(str(tmp_path)) == []


def test_skipped_steps(tmp_path):
    training_of(tmp_path, [{"skipped_steps": 2}, {"skipped_steps": 1}])
    (warning,) = training_warnings(str(tmp_path))
    assert str(warning) == (
        "3 of the 80 training steps were skipped (on_nonfinite=skip), since their loss or gradient was not finite; "
        "lower learning_rate or clip_norm"
    )


@pytest.mark.parametrize(("residual", "layers", "units"), [(True, 1, 12), (True, 2, 24), (False, 1, 24)])
def test_residual_connections_that_add_something_or_are_not_asked_for(tmp_path, residual, layers, units):
    training_of(tmp_path, [], {"residual": residual, "layers": layers, "embedding_units": 12, "units": units})
    assert training_warnings(str(tmp_path)) == []


def test_residual_connections_that_add_nothing(tmp_path):
    training_of(tmp_path, [], {"residual": True, "layers": 1, "embedding_units": 12, "units": 24})
    (warning,) = training_warnings(str(tmp_path))
    assert str(warning) == (
        "residual=true added nothing, as the only layer reads embedding_units=12 and returns units=24; set both to one "
        "number"
    )


def test_lines_that_could_be_joined(tmp_path):
    training_of(tmp_path, [], tokens=1000, positions=2000)
    assert training_warnings(str(tmp_path)) == []


def test_lines_that_could_not_be_joined(tmp_path):
    training_of(tmp_path, [], tokens=1000, positions=3900)
    (warning,) = training_warnings(str(tmp_path))
    assert str(warning) == (
        "the training read 3.9 positions for each token, as few lines could be joined: many lines are cut, the "
        "examples are not in the order of the text, or, on a TPU, a batch holds little more than a line and its "
        "context; raise max_length (on a TPU also batch_tokens), or write the examples with a "
        "Beam runner that keeps the order"
    )


def test_another_trainer_writes_no_record(tmp_path):
    assert training_warnings(str(tmp_path)) == []
