"""What is recorded of a failure, and the message that is read from it."""

import textwrap
import traceback

import pytest
from tfx_lm.pipelines.metadata.run_records import failure_message, recorded_failure

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
