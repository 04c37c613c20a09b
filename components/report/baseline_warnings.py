"""Warnings about a baseline that does not read the run's text as it was trained to, or not as the model does."""

from __future__ import annotations

from ...errors import SettingError
from ...exported.token_identity import case_warning, context_tokens


def baseline_warnings(model: str, baseline: str) -> list[SettingError]:
    """Says that a baseline reads less context than it was trained with, or that only one of the models lower-cases.

    The Examples hold only the candidate's context.

    Args:
        model: The candidate's SavedModel.
        baseline: The baseline's.

    Returns:
        Warnings that name settings, made to be shown and not to be raised; empty if all is well.
    """
    return [warning for warning in (_context_warning(model, baseline), case_warning(model, baseline)) if warning]


def _context_warning(model: str, baseline: str) -> SettingError | None:
    ours, theirs = context_tokens(model), context_tokens(baseline)
    if theirs <= ours:
        return None
    return SettingError(
        f"the baseline was trained with a context of {theirs} tokens, and the examples hold "
        f"{f'one of {ours}' if ours else 'none'} ({{context_tokens}}={ours}), so that it scores worse than it "
        f"would; set {{context_tokens}} to {theirs}, or compare the models with all the context that each reads"
    )
