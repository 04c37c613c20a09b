"""Numbers of spans: TFX counts a span that is a day in days since 1970-01-01."""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import SettingError, escape

_EPOCH = datetime.date(1970, 1, 1)
# ML Metadata and TFX's RangeConfig hold a span in 32 bits.
_LARGEST = 2**31 - 1


def number_of_day(year: int, month: int, day: int) -> int:
    """Returns the span of a day, as TFX's `date_to_span_number`: 2026-05-01 is 20574.

    Raises:
        ValueError: There is no such day.
    """
    return (datetime.date(year, month, day) - _EPOCH).days


def day_of_number(span: int) -> datetime.date | None:
    """Returns the day of a span; None if no calendar has it."""
    try:
        return _EPOCH + datetime.timedelta(days=span)
    except OverflowError:
        return None


def span_of_texts(texts: Mapping[str, str]) -> int:
    """Returns the number of the span that stands at the markers of a path.

    Args:
        texts: From `spans.texts_at_markers`: `{"SPAN": "07"}`, or a year, a month and a day.

    Raises:
        ValueError: There is no such day.
    """
    if "SPAN" in texts:
        return int(texts["SPAN"])
    return number_of_day(int(texts["YYYY"]), int(texts["MM"]), int(texts["DD"]))


def shown(span: int, dated: bool) -> str:
    """Returns a span for a message: its day if it is one, otherwise its number."""
    return str((dated and day_of_number(span)) or span)


def spans_in_words(spans: Iterable[Mapping[str, Any]]) -> str:
    """Returns the spans that were read as text: `2026-05-01 (version 2), 2026-05-02`.

    Args:
        spans: The value of the custom property `spans` of Examples.
    """
    return ", ".join(
        str(span["date"] or span["span"]) + ("" if span["version"] is None else f" (version {span['version']})")
        for span in spans
    )


def read_spans(value: object) -> tuple[int, ...]:
    """Reads which spans are asked for.

    Args:
        value: Nothing, one span or the first and the last one; each a number, a day, or a text of one. In one text,
            a comma is between them: `"2026-05-01,2026-05-31"`.

    Returns:
        No, one or two numbers.

    Raises:
        SettingError: It is something else, or the last span is before the first.
    """
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        parts: Sequence[object] = value.split(",")
    elif isinstance(value, list | tuple):
        parts = value
    else:
        parts = (value,)
    numbers = tuple(_number(part, value) for part in parts)
    if len(numbers) > 2:
        raise SettingError(f"{{spans}}={escape(value)}: must be one span, or the first and the last one: [3, 7]")
    if numbers != tuple(sorted(numbers)):
        raise SettingError(f"{{spans}}={escape(value)}: the last span is before the first; exchange them")
    return numbers


def were_asked_for(spans: Sequence[Mapping[str, Any]], asked: object) -> bool:
    """Says whether the spans that were read may be those that a text asks for.

    Args:
        spans: The value of the custom property `spans` of Examples.
        asked: As in `read_spans`. The newest spans, if nothing is asked for; those were the newest at their time.
    """
    numbers = read_spans(asked)
    if not numbers:
        return True
    first, last = spans[0]["span"], spans[-1]["span"]
    return last == numbers[-1] and (len(numbers) == 1 or first == numbers[0])


def _number(part: object, value: object) -> int:
    if isinstance(part, datetime.date):
        return part.toordinal() - _EPOCH.toordinal()
    text = str(part).strip()
    if not isinstance(part, bool) and re.fullmatch(r"[0-9]{1,10}", text) and int(text) <= _LARGEST:
        return int(text)
    if day := re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", text):
        with contextlib.suppress(ValueError):
            return number_of_day(*map(int, day.groups()))
    raise SettingError(f"{{spans}}={escape(value)}: must be numbers or days, such as 7, 2026-05-01 or [3, 7]")
