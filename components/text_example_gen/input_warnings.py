"""Warnings about the input, from the custom properties of the Examples."""

from __future__ import annotations

from tfx import types

from ...errors import SettingError, escape
from .properties import (
    ALSO_TRAINED,
    DOCUMENTS,
    EXAMPLES,
    INVALID_RECORDS_DROPPED,
    INVALID_UTF8_DROPPED,
    UNMATCHED_PATTERNS,
)

_DROPPED = {
    INVALID_UTF8_DROPPED: ("line that is not UTF-8 was", "lines that are not UTF-8 were", "invalid_utf8"),
    INVALID_RECORDS_DROPPED: (
        "record without a usable text was", "records without a usable text were", "invalid_records"
    ),
}  # fmt: skip


def input_warnings(examples: types.Artifact) -> list[SettingError]:
    """Says what was not read, and which held-out lines are no test of a model.

    Worked example: with the properties `examples_eval` 200 and `also_trained_eval` 100, "100 of 200 held-out lines
    (50 %) are also trained on, so the scores look too good; remove them from splits.eval".

    Args:
        examples: What TextExampleGen wrote. Examples of another component have no such properties and no warnings.

    Returns:
        Warnings that name settings, made to be shown and not to be raised; empty if all is well.
    """
    unmatched = filter(None, examples.get_string_custom_property(UNMATCHED_PATTERNS).split("\n"))
    warnings = [f"{{files}} or {{splits}}: no file matches {escape(pattern)}" for pattern in unmatched]
    for name, (one, several, setting) in _DROPPED.items():
        if count := examples.get_int_custom_property(name):
            warnings.append(f"{count:,} {one if count == 1 else several} dropped ({{{setting}}})")
    for name in sorted(examples.mlmd_artifact.custom_properties):
        split = name.removeprefix(ALSO_TRAINED)
        count = 0 if split == name else examples.get_int_custom_property(name)
        if count:
            lines = examples.get_int_custom_property(EXAMPLES + split)
            where = f"from {{splits}}.{escape(split)}"
            if examples.get_string_custom_property(DOCUMENTS):
                where += ", or where a line stands in several documents of {files}"
            warnings.append(
                f"{count:,} of {lines:,} held-out lines ({100 * count / lines:.3g} %) "
                f"{'is' if count == 1 else 'are'} also trained on, so the scores look too good; remove "
                f"{'it' if count == 1 else 'them'} {where}"
            )
    return [SettingError(warning) for warning in warnings]
