"""Rounded numbers stay on their side of a bound."""

import math

import pytest
from tfx_lm.exported.beside_bound import beside_bound, plain


@pytest.mark.parametrize(
    ("value", "bound", "form", "text"),
    [
        (98.42, 300.0, ".3g", "98.4"),
        (98.42, 98.4, ".3g", "98.42"),
        (98.4, 98.4, ".3g", "98.4"),
        (98.396, 98.4, ".3g", "98.4"),
        (98.4004, 98.4, ".1f", "98.4004"),
        (500.00001, 500.0, ".1f", "500.00001"),
        (98.4041, 98.40412, ".5g", "98.404"),
        (98.40417, 98.40412, ".5g", "98.4042"),
        (math.nan, 1.0, ".3g", "nan"),
        (math.inf, 1.0, ".3g", "inf"),
    ],
)
def test_as_many_digits_as_are_needed(value, bound, form, text):
    assert beside_bound(value, bound, form) == text


def test_a_number_as_people_write_it():
    assert [plain(value) for value in (100 * 0.07, 300.0, 98.40412, 1e15)] == ["7", "300", "98.40412", "1e+15"]
