"""What requests may cost."""

import pytest
from tfx_lm.server.limits import Limits


def test_a_request_of_as_many_rows_as_are_allowed_may_wait_and_be_answered():
    assert (Limits().waiting_rows, Limits().values) == (4096, 256 * 4096)
    # A step of 8 rows and 100,000 words.
    assert Limits().values >= 8 * 100_000
    assert Limits(rows=5000).waiting_rows == 5000
    assert Limits(rows=5000, tokens=10_000).values == 50_000_000


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_limit_is_refused(value):
    with pytest.raises(ValueError, match=f"body_seconds={value}: must be above 0 and finite"):
        Limits(body_seconds=value)
