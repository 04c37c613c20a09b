"""Warnings of a training that ended well."""

import json
import random

import pytest
from helpers.examples import ids_example, write_records
from tfx_lm.components.trainer.backup import Backup
from tfx_lm.components.trainer.fit import train
from tfx_lm.components.trainer.training_warnings import training_warnings
from tfx_lm.model.options import TrainerOptions


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


@pytest.mark.parametrize(("schedule", "steps"), [("plateau", 0), ("cosine", 500)])
def test_a_warmup_that_there_is_or_that_is_not_asked_for(tmp_path, schedule, steps):
    training_of(tmp_path, [], {"schedule": schedule, "warmup_steps": steps})
    assert training_warnings(str(tmp_path)) == []


def test_a_warmup_without_an_effect(tmp_path):
    training_of(tmp_path, [], {"schedule": "plateau", "warmup_steps": 500})
    (warning,) = training_warnings(str(tmp_path))
    assert str(warning) == (
        "warmup_steps=500 had no effect, as schedule=plateau begins with the whole learning rate; set schedule to "
        "cosine, or warmup_steps to 0"
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


def test_lines_that_could_not_be_joined_to_long_stretches(tmp_path):
    """Two positions for each token, as whole stretches may have, are too many for windows."""
    training_of(tmp_path, [], tokens=1000, positions=1840, sentences=100, rows=90, window=32)
    (warning,) = training_warnings(str(tmp_path))
    assert str(warning) == (
        "the training read 1.8 positions for each token, as few lines could be joined, so that the model seldom read "
        "more before a line than its context: many lines are cut, or the examples are not in the order of the text; "
        "raise max_length, or write the examples with a Beam runner that keeps the order"
    )


@pytest.mark.parametrize(
    "train",
    [
        {"positions": 4080, "sentences": 200, "rows": 4, "window": 32},
        # A context of hundreds of lines, that each block of 1024 examples begins with.
        {"positions": 5400, "sentences": 1400, "rows": 2, "window": 500},
        {"positions": 7000, "sentences": 200, "rows": 100, "window": None},
    ],
)
def test_long_stretches_few_blocks_and_whole_stretches_are_no_reason_to_warn(tmp_path, train):
    training_of(tmp_path, [], tokens=4000, **train)
    assert training_warnings(str(tmp_path)) == []


def examples_of(documents):
    """Transformed examples of documents of lines of 5 words, with contexts of up to 4 tokens."""
    words = iter(range(10**6))
    for lines in documents:
        read = []
        for _ in range(lines):
            line = [4 + next(words) * 7 % 43 for _ in range(5)]
            yield ids_example([*line, 3], read[-4:])
            read += [2, *line]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("documents", "mixed", "warns"),
    [
        ([60, 60], False, False),
        ([60, 60], True, True),
        # Half of the lines begin a document, without a context.
        ([2] * 45, False, False),
    ],
    ids=["in order", "mixed", "short documents"],
)
def test_what_a_training_writes_tells_whether_its_lines_were_in_order(tmp_path, documents, mixed, warns):
    examples = list(examples_of(documents))
    if mixed:
        random.Random(1).shuffle(examples)
    files = [write_records(tmp_path / "examples.gz", examples)]
    options = TrainerOptions(units=4, embedding_units=4, batch_tokens=128, epochs=1, dropout=0.0)
    train(options, files, files, 50, Backup(str(tmp_path / "backup"), {}), str(tmp_path))
    record = json.loads((tmp_path / "training.json").read_text())["train"]
    assert record["window"] == 32
    # Also if they are mixed.
    assert record["positions"] < 2 * record["tokens"]
    assert len(training_warnings(str(tmp_path))) == warns


def test_another_trainer_writes_no_record(tmp_path):
    assert training_warnings(str(tmp_path)) == []
