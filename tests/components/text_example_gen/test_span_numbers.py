import datetime

import pytest
from tfx.components.example_gen.utils import date_to_span_number, span_number_to_date
from tfx_lm.components.text_example_gen.span_numbers import (
    day_of_number,
    number_of_day,
    read_spans,
    shown,
    were_asked_for,
)
from tfx_lm.errors import SettingError


def test_a_day_has_the_number_that_tfx_gives_it():
    assert number_of_day(2026, 5, 1) == date_to_span_number(2026, 5, 1) == 20574
    assert day_of_number(20574) == datetime.date(*span_number_to_date(20574)) == datetime.date(2026, 5, 1)
    assert day_of_number(2**31) is None


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (None, ()),
        ("", ()),
        ([], ()),
        (7, (7,)),
        ("7", (7,)),
        ([3, 7], (3, 7)),
        ((7, 7), (7, 7)),
        ("3,7", (3, 7)),
        ("2026-05-01", (20574,)),
        (datetime.date(2026, 5, 1), (20574,)),
        ([datetime.date(2026, 5, 1), "2026-05-31"], (20574, 20604)),
        ("2026-05-01, 2026-05-31", (20574, 20604)),
    ],
)
def test_spans_that_are_asked_for(value, numbers):
    assert read_spans(value) == numbers


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2, 3], r"spans=\[1, 2, 3\]: must be one span, or the first and the last one: \[3, 7\]"),
        ([7, 3], r"spans=\[7, 3\]: the last span is before the first; exchange them"),
        ("newest", "spans=newest: must be numbers or days, such as 7, 2026-05-01"),
        ("2026-02-30", "spans=2026-02-30: must be numbers or days"),
        ("{{ ds }}", r"spans=\{\{ ds \}\}: must be numbers"),
        (-1, "spans=-1: must be"),
        (1.5, "spans=1.5: must be"),
        (True, "spans=True: must be"),
        (2**31, "spans=2147483648: must be"),
    ],
)
def test_what_names_no_spans(value, message):
    with pytest.raises(SettingError, match=message):
        read_spans(value)


def test_a_span_in_a_message():
    assert [shown(20574, dated=True), shown(20574, dated=False), shown(2**31, dated=True)] == [
        "2026-05-01",
        "20574",
        "2147483648",
    ]


def test_spans_that_were_asked_for():
    spans = [
        {"span": 20573, "version": None, "date": "2026-04-30"},
        {"span": 20574, "version": 2, "date": "2026-05-01"},
    ]
    for asked in ("", None, "2026-05-01", "20574", "2026-04-30,2026-05-01"):
        assert were_asked_for(spans, asked)
    for asked in ("2026-05-02", "2026-04-30", "2026-05-01,2026-05-02", "2026-04-01,2026-05-31"):
        assert not were_asked_for(spans, asked)
