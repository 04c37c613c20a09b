"""Checks of input files, for the tests of what is accepted and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfx_lm.components.text_example_gen.inputs import check_inputs
from tfx_lm.text_files.errors import InputError
from tfx_lm.text_files.options import RecordOptions

SPLIT = {"train": 9, "eval": 1}
GOOD = "".join(f"line number {number}\n" for number in range(100)).encode()


def check(*files: str | Path, **options: Any) -> None:
    """Checks files; `options` are those of `RecordOptions`."""
    check_inputs([str(file) for file in files], None, SPLIT, RecordOptions(**options))


def refused(*files: str | Path, **options: Any) -> str:
    """Checks files that must be refused; returns the message, one line."""
    with pytest.raises(InputError) as caught:
        check(*files, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message
