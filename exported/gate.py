"""Gate: decides by two models' scores of the same sentences, and gives its reasons in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import escape, messages
from .beside_bound import beside_bound, plain
from .gate_options import Criterion, GateOptions
from .score_warnings import unknown_share
from .scores import Change

__all__ = [
    "NO_BASELINE",
    "NO_SENTENCES",
    "Check",
    "GateOptions",
    "Verdict",
    "compare",
    "compare_slices",
    "conditions",
    "decide",
]

NO_BASELINE = "no baseline: the comparison was skipped"
NO_SENTENCES = "no sentences: the split that is evaluated is empty"

_WORDS = {"bits_per_byte": "bits per byte", "perplexity": "perplexity"}


class Check(NamedTuple):
    """A condition and whether it is met.

    Attributes:
        met: Whether it is met.
        reason: Why, in plain words; the template of a `SettingError`.
        metric: The Evaluator's name of the metric, such as `perplexity` or `bits_per_byte_change_upper95`.
        bound: Its upper bound; infinite if there is none.
        slice: The slice; "" for all sentences.
    """

    met: bool
    reason: str
    metric: str
    bound: float
    slice: str = ""


class Verdict(NamedTuple):
    """The gate's decision.

    Attributes:
        blessed: Whether the model may be pushed.
        templates: The conditions that are met if blessed, those that are not met otherwise; templates of
            `SettingError`.
    """

    blessed: bool
    templates: list[str]

    @property
    def reasons(self) -> list[str]:
        """The conditions, with the names of `GateOptions`."""
        return messages(self.templates)

    def as_json(self, name_of: Callable[[str], str] = str) -> dict[str, Any]:
        """Returns `{"blessed": bool, "reasons": [str, ..]}`, with each setting named by `name_of`."""
        return {"blessed": self.blessed, "reasons": messages(self.templates, name_of)}

    @classmethod
    def from_checks(cls, checks: Sequence[Check]) -> Verdict:
        """Returns the verdict of some conditions."""
        blessed = all(check.met for check in checks)
        return cls(blessed, [check.reason for check in checks if check.met == blessed])


def decide(
    gate: GateOptions,
    scores: Mapping[str, float] | None,
    change: Change | None,
    slice_changes: Mapping[str, Change] | None = None,
) -> Verdict:
    """Decides whether a candidate is blessed.

    Args:
        gate: The conditions.
        scores: The candidate's `perplexity`, `bits_per_byte`, `tokens` and `oov_tokens` (unknown words) over all
            sentences; None if no sentence was scored.
        change: The change from the baseline, by the gate's criterion; None without a baseline.
        slice_changes: The same for each slice, by its name in the reasons.

    Returns:
        The verdict.
    """
    verdict = Verdict.from_checks(conditions(gate, scores, change, slice_changes))
    skipped = change is None and scores is not None
    return verdict._replace(templates=[*verdict.templates, NO_BASELINE]) if skipped else verdict


def conditions(
    gate: GateOptions,
    scores: Mapping[str, float] | None,
    change: Change | None,
    slice_changes: Mapping[str, Change] | None = None,
) -> list[Check]:
    """Returns the conditions that `decide` decides by; its arguments are the same."""
    if scores is None:
        return [Check(False, NO_SENTENCES, "sentences", math.inf)]
    checks = [
        _bound(name, scores[name], bound)
        for name in ("perplexity", "bits_per_byte")
        if (bound := getattr(gate, f"max_{name}")) is not None
    ]
    if gate.max_unknown is not None and (unknown := unknown_share(scores)) > gate.max_unknown:
        reason = (
            f"{beside_bound(100 * unknown, 100 * gate.max_unknown, '.4g')} % of the scored tokens are unknown words; "
            f"{{max_unknown}} allows {plain(100 * gate.max_unknown)} %"
        )
        checks.append(Check(False, reason, "oov_rate", gate.max_unknown))
    if change is not None and gate.tolerance is not None:
        checks.append(compare(gate.criterion, change, gate.tolerance))
    if gate.slice_tolerance is not None:
        checks += compare_slices(gate.criterion, slice_changes or {}, gate.slice_tolerance, gate.slice_min_sentences)
    return checks


def _bound(name: str, value: float, bound: float) -> Check:
    if math.isnan(value):
        reason = f"{_WORDS[name]} is NaN: the model is broken or nothing was scored; {{max_{name}}} is {plain(bound)}"
        return Check(False, reason, name, bound)
    met = value <= bound
    observed = f"{_WORDS[name]} {beside_bound(value, bound, '.5g')}"
    return Check(met, f"{observed} {'<=' if met else '>'} {{max_{name}}} {plain(bound)}", name, bound)


def compare(criterion: Criterion, change: Change, tolerance: float) -> Check:
    """Compares a candidate with its baseline, by the second condition of `GateOptions`.

    Args:
        criterion: The score that was compared.
        change: How much worse the candidate is.
        tolerance: How much worse it may be, as a share.

    Returns:
        The condition.
    """
    met, reason = _compare(criterion, change, tolerance)
    return Check(met, reason, f"{criterion}_change_upper95", tolerance)


def _compare(criterion: Criterion, change: Change, tolerance: float) -> tuple[bool, str]:
    words = _WORDS[criterion]
    if not math.isfinite(change.relative):
        why = "one of them is NaN or infinite"
        if criterion == "perplexity":
            why += ", or they cut lines at different lengths (set {max_length}, or {criterion} to bits_per_byte)"
        return False, f"{words} cannot be compared with the baseline's: {why}"
    if math.isnan(change.upper):
        return False, f"{words} cannot be compared with the baseline's by {change.sentences} sentence(s)"
    met = change.upper <= tolerance if tolerance > 0 else change.upper < 0
    observed = f"{words} is {_percent(change.relative)} the baseline's"
    if met:
        return True, f"{observed}; with 95 % confidence {_at_most(change.upper)}"
    demanded = f"{{tolerance}} allows {plain(100 * tolerance)} %" if tolerance else "{tolerance} 0 asks for less"
    known = f"at most {beside_bound(100 * change.upper, 100 * tolerance, '.3g')} % above"
    return False, f"{observed}; with 95 % confidence only known to be {known}, {demanded}"


def compare_slices(
    criterion: Criterion, changes: Mapping[str, Change], tolerance: float, min_sentences: int
) -> list[Check]:
    """Compares a candidate with its baseline slice by slice, by the third condition of `GateOptions`.

    Args:
        criterion: The score that was compared.
        changes: How much worse the candidate is in each slice, by the slice's name in the reasons.
        tolerance: How much worse it may be in a slice, as a share.
        min_sentences: How many sentences a slice needs to be a condition.

    Returns:
        A condition that is not met for each slice that is worse by more; if there is none, one that is met. Empty if no
        slice has enough sentences.
    """
    metric = f"{criterion}_change"
    watched = {name: change for name, change in changes.items() if change.sentences >= min_sentences}
    checks = []
    for name, change in watched.items():
        if not change.relative <= tolerance:  # NaN is not met.
            observed = f"{escape(name)}: {_WORDS[criterion]} is {_percent(change.relative, tolerance)} the baseline's"
            allowed = f"{{slice_tolerance}} allows {plain(100 * tolerance)} %"
            reason = f"{observed} over {change.sentences} sentences; {allowed}"
            checks.append(Check(False, reason, metric, tolerance, name))
    if watched and not checks:
        allowed = f"{{slice_tolerance}} {plain(100 * tolerance)} %"
        reason = f"none of the {len(watched)} watched slices is worse by more than {allowed}"
        checks.append(Check(True, reason, metric, tolerance))
    return checks


def _percent(change: float, bound: float = 0.0) -> str:
    if change == 0:
        return "equal to"
    if math.isnan(change):
        return "NaN beside"
    return f"{beside_bound(100 * abs(change), 100 * bound, '.3g')} % {'above' if change > 0 else 'below'}"


def _at_most(change: float) -> str:
    return f"at most {100 * change:.3g} % above" if change >= 0 else f"at least {-100 * change:.3g} % below"
