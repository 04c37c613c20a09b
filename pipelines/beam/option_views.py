"""Views of Beam's pipeline options, made once for each kind.

For each step of a pipeline Beam asks its options twice for those of one kind, and each time it builds a command-line
parser: 0.5 ms, 600 times for StatisticsGen.
"""

from __future__ import annotations

import functools
import weakref
from typing import TypeVar, cast

from apache_beam.options.pipeline_options import PipelineOptions

Options = TypeVar("Options", bound=PipelineOptions)


def remember_option_views() -> None:
    """Makes options of Beam remember their views in this process; a second call changes nothing.

    All views of the same options share their values, so that it does not matter which of them a caller changes.
    """
    made = PipelineOptions.view_as
    if hasattr(made, "__wrapped__"):
        return
    views: weakref.WeakKeyDictionary[PipelineOptions, dict[type, PipelineOptions]] = weakref.WeakKeyDictionary()

    @functools.wraps(made)
    def view_as(self: PipelineOptions, cls: type[Options]) -> Options:
        known = views.setdefault(self, {})
        if cls not in known:
            known[cls] = made(self, cls)
        return cast(Options, known[cls])

    PipelineOptions.view_as = view_as  # type: ignore[assignment,method-assign]
