"""Arguments that are numbers which only a run knows."""

from typing import Annotated

import pytest
from pydantic import Field
from tfx.orchestration.data_types import RuntimeParameter
from tfx_lm.components.checked_arguments import checked_arguments
from tfx_lm.errors import SettingError
from tfx_lm.settings import Number, Settings, WholeNumber


class Options(Settings):
    share: Number | None = Field(None, gt=0.0, le=1.0)
    above: Number | None = Field(None, gt=1.0)
    below: Number | None = Field(None, lt=-3.0)
    any_number: Number | None = None
    within_the_union: Annotated[float, Field(ge=5.0, lt=5.5)] | None = None
    chosen: WholeNumber | None = Field(None, ge=1, le=2)
    beyond: WholeNumber | None = Field(None, gt=100)


def parameters(**defaults):
    kinds = {"chosen": int, "beyond": int}
    return {
        name: RuntimeParameter(name, ptype=kinds.get(name, float), default=defaults.get(name))
        for name in Options.model_fields
    }


def test_those_without_a_default_fit_any_bounds():
    given = parameters()
    assert checked_arguments(Options, given) == given


def test_a_default_is_checked():
    with pytest.raises(SettingError, match=r"^share=1\.5: must be <= 1\.0; set share$"):
        checked_arguments(Options, parameters(share=1.5))
    with pytest.raises(SettingError, match=r"^chosen=0: must be >= 1; set chosen$"):
        checked_arguments(Options, {"chosen": 0})
