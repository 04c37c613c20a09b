import math

import pytest
from tfx_lm.components.report import numbers


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.number(1234.5), "1,234.50"),
        (numbers.number(-0.25), "−0.25"),
        (numbers.number(3.21e9, 2), "3,210,000,000.00"),
        (numbers.number(3.216e9 + 0.5), "3.22e+09"),
        (numbers.number(2.0**53 - 1), "9,007,199,254,740,991.00"),
        (numbers.number(1.25e300), "1.25e+300"),
        (numbers.number(-(2.0**53)), "−9.01e+15"),
        (numbers.count(2**63), "9.22e+18"),
        (numbers.number(math.nan), "NaN"),
        (numbers.number(math.inf), "∞"),
        (numbers.number(-math.inf), "−∞"),
        (numbers.number(None), "–"),
        (numbers.count(12345), "12,345"),
        (numbers.interval(1.0, 2.5), "1.00 to 2.50"),
        (numbers.interval(math.nan, 2.5), ""),
        (numbers.interval(1.0, math.inf), "1.00 to ∞"),
        (numbers.share(0.0312), "3.12 %"),
        (numbers.share(math.nan), "NaN"),
        (numbers.change(0.012), "+1.20 %"),
        (numbers.change(-0.012), "−1.20 %"),
        (numbers.change(0.0), "0.00 %"),
        (numbers.signed(math.inf), "+∞"),
        (numbers.signed(-2.0, 1), "−2.0"),
    ],
)
def test_numbers(written, expected):
    assert written == expected
