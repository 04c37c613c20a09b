"""Warnings about a baseline that does not read the run's text as it was trained to."""

from __future__ import annotations

from ...errors import SettingError
from ...exported.token_identity import context_tokens


def baseline_warnings(model: str, baseline: str) -> list[SettingError]:
    """Says that a baseline reads less context than it was trained with: the Examples hold only the candidate's.

    Args:
        model: The candidate's SavedModel.
        baseline: The baseline's.

    Returns:
        Warnings that name settings, made to be shown and not to be raised; empty if all is well.
    """
    ours, theirs = context_tokens(model), context_tokens(baseline)
    if theirs <= ours:
        return []
    return [
        SettingError(
            f"the baseline was trained with a context of {theirs} tokens, and the examples hold "
            f"{f'one of {ours}' if ours else 'none'} ({{context_tokens}}={ours}), so that it scores worse than it "
            f"would; set {{context_tokens}} to {theirs}, or compare the models with all the context that each reads"
        )
    ]
