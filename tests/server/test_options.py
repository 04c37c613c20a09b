"""Limits of requests."""

import math

import pytest
from tfx_lm.errors import SettingError
from tfx_lm.server.options import Limits


def test_a_request_of_as_many_rows_as_are_allowed_may_wait_and_be_answered():
    assert (Limits().waiting_rows, Limits().values) == (4096, 256 * 4097)
    # A step of 8 rows and 100,000 words.
    assert Limits().values >= 8 * 100_000
    assert Limits(rows=5000).waiting_rows == 5000
    assert Limits(rows=5000, tokens=10_000).values == 5000 * 10_001


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"body_seconds": 0.0}, "body_seconds=0.0: must be > 0.0; set body_seconds"),
        ({"body_seconds": math.nan}, "body_seconds=nan: input should be a finite number; set body_seconds"),
        ({"body_seconds": math.inf}, "body_seconds=inf: input should be a finite number; set body_seconds"),
        ({"tokens": 0}, "tokens=0: must be >= 1; set tokens"),
        ({"rows": 2.5}, "rows=2.5: input should be a valid integer, got a number with a fractional part; set rows"),
    ],
)
def test_what_is_no_limit_is_refused(limit, message):
    with pytest.raises(SettingError) as caught:
        Limits.parse(limit)
    assert str(caught.value) == message
