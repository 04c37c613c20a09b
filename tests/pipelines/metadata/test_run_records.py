"""What is recorded of a failure, and the message that is read from it; which records of a run are read."""

import textwrap
import traceback

import pytest
from helpers.counted_executions import CountedExecutions
from tfx_lm.pipelines.metadata.metadata_store import connection_config
from tfx_lm.pipelines.metadata.run_records import RunRecords, failure_message, recorded_failure

MESSAGE = "trainer.units=0: must be >= 1\n  trainer.layers=0: must be >= 1"


def formatted(error: Exception) -> str:
    try:
        raise error
    except Exception:
        return traceback.format_exc()


@pytest.mark.parametrize("message", [MESSAGE, "ValueError: the number is bad", "ValueError: "])
def test_the_whole_message_of_our_record_is_read(message):
    recorded = recorded_failure(message, formatted(ValueError("in other words")))
    assert "in other words" in recorded
    assert failure_message(recorded) == message.strip()


def test_the_whole_message_is_read_from_tfxs_record():
    assert failure_message(formatted(ValueError(MESSAGE))) == f"ValueError: {MESSAGE}"


def test_the_last_error_of_a_chain_is_read():
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise ValueError("second\nline") from cause
    except ValueError:
        assert failure_message(traceback.format_exc()) == "ValueError: second\nline"


def test_marks_below_a_line_of_code_are_no_message():
    """Python 3.11 and later point at a part of the line."""
    recorded = textwrap.dedent(
        """\
        Traceback (most recent call last):
          File "a.py", line 1, in <module>
            f(0) + g(0)
            ~~~~~^~~~~~
        ValueError: bad
        """
    )
    assert failure_message(recorded) == "ValueError: bad"


@pytest.mark.parametrize(
    ("recorded", "message"), [("", ""), ("ended by SIGTERM\n", "ended by SIGTERM"), ("a\nb", "a\nb")]
)
def test_a_record_without_a_traceback_is_the_message(recorded, message):
    assert failure_message(recorded) == message


@pytest.fixture
def store(tmp_path):
    return CountedExecutions(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite"))


def test_the_newest_try_of_a_node_in_its_run_counts(store):
    store.add("Trainer", "1", "FAILED")
    again = store.add("Trainer", "1")
    store.add("Report", "1", "RUNNING")
    newer = store.add("Trainer", "2", "FAILED")
    # A run's id may be that of another pipeline's run, too.
    store.add("Trainer", "1", "FAILED", pipeline="other")
    first, second = (RunRecords(store, "small", run) for run in "12")
    assert (first.newest_id("Trainer"), first.state("Trainer")) == (again, "COMPLETE")
    assert (second.newest_id("Trainer"), second.state("Trainer")) == (newer, "FAILED")
    assert (second.newest_id("Report"), second.state("Report"), second.error("Report")) == (None, "SKIPPED", None)
    assert RunRecords(store, "small", "3").newest_id("Trainer") is None
    # A run that works goes on.
    last = store.add("Trainer", "2", "CACHED")
    assert (second.newest_id("Trainer"), second.state("Trainer")) == (last, "CACHED")


def test_what_is_read_does_not_grow_with_the_other_runs(store):
    for run in range(20):
        store.add("Trainer", str(run))
        store.add("Report", str(run))
    records = RunRecords(store, "small", "7")
    assert records.state("Trainer") == "COMPLETE"
    assert store.read == 2
    assert records.execution_property("Trainer", "steps") is None
    assert store.read == 4
