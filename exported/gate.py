"""The gate: from two models' scores of the same sentences to a verdict, with its reasons in plain words."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

from .scores import Change, Criterion

NO_BASELINE = "no baseline: the comparison was skipped"
NO_SENTENCES = "no sentences: the split that is evaluated is empty"

_WORDS = {"bits_per_byte": "bits per byte", "perplexity": "perplexity"}


@dataclasses.dataclass(frozen=True)
class Gate:
    """What a model must show to be blessed.

    1. Its perplexity and its bits per byte are at most the given bounds.
    2. Beside a baseline: the one-sided 95 % upper bound of how much worse it is, over the same sentences, is at most
       `tolerance`. So an equal model passes if there are enough sentences to show that it is not worse, and chance
       lets a model that is worse by `tolerance` pass in one of twenty cases.
    3. Beside a baseline: in no slice with at least `slice_min_sentences` sentences is it worse by more than
       `slice_tolerance`.

    NaN meets no condition.

    Worked example, tolerance 0.005: a candidate that is 0.1 % worse, at most 0.4 % with 95 % confidence, is blessed;
    one that is 0.1 % worse, at most 0.6 %, is not: score more sentences, or allow more.

    Attributes:
        max_perplexity: Largest perplexity per token; None: no bound.
        max_bits_per_byte: Largest number of bits per byte; None: no bound. One of the two must be given.
        tolerance: How much worse than the baseline it may be, as a share: 0.005 is 0.5 %. 0: it must be shown to be
            better. None: the baseline is scored, but is no condition.
        criterion: What candidate and baseline are compared by. Perplexities can be compared only if both models have
            the same tokenizer and vocabulary.
        slice_tolerance: How much worse it may be in a slice, as a share; None: slices are no condition.
        slice_min_sentences: How many sentences a slice needs to be a condition.

    Raises:
        ValueError: If no upper bound is given, or a value is out of range.
    """

    max_perplexity: float | None = None
    max_bits_per_byte: float | None = None
    tolerance: float | None = None
    criterion: Criterion = "bits_per_byte"
    slice_tolerance: float | None = None
    slice_min_sentences: int = 100

    def __post_init__(self) -> None:
        if self.max_perplexity is None and self.max_bits_per_byte is None:
            raise ValueError("gate: no threshold; set gate.max_perplexity or gate.max_bits_per_byte")
        for name in ("max_perplexity", "max_bits_per_byte"):
            bound = getattr(self, name)
            if bound is not None and not (bound > 0 and math.isfinite(bound)):
                raise ValueError(f"gate.{name}={bound}: must be a number above 0")
        for name in ("tolerance", "slice_tolerance"):
            share = getattr(self, name)
            if share is not None and not (share >= 0 and math.isfinite(share)):
                raise ValueError(f"gate.{name}={share}: must be a number >= 0, such as 0.005 for 0.5 %")
        if self.criterion not in get_args(Criterion):
            raise ValueError(f"gate.criterion={self.criterion}: must be one of {', '.join(get_args(Criterion))}")
        if self.slice_min_sentences < 2:
            raise ValueError(f"gate.slice_min_sentences={self.slice_min_sentences}: must be >= 2")


class Verdict(NamedTuple):
    """What the gate decided.

    Attributes:
        blessed: Whether the model may be pushed.
        reasons: What was met if blessed, what was not met otherwise.
    """

    blessed: bool
    reasons: list[str]

    @classmethod
    def of(cls, checks: Sequence[tuple[bool, str]]) -> Verdict:
        """Returns the verdict of some conditions: for each, whether it is met, and why."""
        blessed = all(met for met, _ in checks)
        return cls(blessed, [reason for met, reason in checks if met == blessed])


def decide(
    gate: Gate,
    scores: Mapping[str, float] | None,
    change: Change | None,
    slice_changes: Mapping[str, Change] | None = None,
) -> Verdict:
    """Decides whether a candidate is blessed.

    Args:
        gate: The conditions.
        scores: The candidate's `perplexity` and `bits_per_byte` over all sentences; None where none was scored.
        change: The candidate beside its baseline, by the gate's criterion; None without a baseline.
        slice_changes: The same for each slice, by the name that the reasons use.

    Returns:
        The verdict.
    """
    if scores is None:
        return Verdict(False, [NO_SENTENCES])
    checks = [
        _bound(name, scores[name], bound)
        for name in ("perplexity", "bits_per_byte")
        if (bound := getattr(gate, f"max_{name}")) is not None
    ]
    if change is not None and gate.tolerance is not None:
        checks.append(compare(gate.criterion, change, gate.tolerance))
    if gate.slice_tolerance is not None:
        checks += compare_slices(gate.criterion, slice_changes or {}, gate.slice_tolerance, gate.slice_min_sentences)
    verdict = Verdict.of(checks)
    return verdict._replace(reasons=[*verdict.reasons, NO_BASELINE]) if change is None else verdict


def _bound(name: str, value: float, bound: float) -> tuple[bool, str]:
    if math.isnan(value):
        return (
            False,
            f"{_WORDS[name]} is NaN: the model is broken or nothing was scored; gate.max_{name} is {bound:.6g}",
        )
    met = value <= bound
    return met, f"{_WORDS[name]} {value:.5g} {'<=' if met else '>'} gate.max_{name} {bound:.6g}"


def compare(criterion: Criterion, change: Change, tolerance: float) -> tuple[bool, str]:
    """Compares a candidate with its baseline, as the second condition of `Gate` says.

    Args:
        criterion: What they were compared by.
        change: How much worse the candidate is.
        tolerance: How much worse it may be, as a share.

    Returns:
        Whether the condition is met, and why.
    """
    words = _WORDS[criterion]
    if math.isnan(change.relative):
        why = "one of them is NaN or infinite"
        if criterion == "perplexity":
            why += ", or they cut lines at different lengths (set data.max_length, or gate.criterion to bits_per_byte)"
        return False, f"{words} cannot be compared with the baseline's: {why}"
    if math.isnan(change.upper):
        return False, f"{words} cannot be compared with the baseline's by {change.sentences} sentence(s)"
    met = change.upper <= tolerance if tolerance > 0 else change.upper < 0
    found = f"{words} is {_percent(change.relative)} the baseline's"
    if met:
        return True, f"{found}; with 95 % confidence {_at_most(change.upper)}"
    demanded = f"gate.tolerance allows {100 * tolerance:.3g} %" if tolerance else "gate.tolerance 0 asks for less"
    return False, f"{found}; with 95 % confidence only known to be {_at_most(change.upper)}, {demanded}"


def compare_slices(
    criterion: Criterion, changes: Mapping[str, Change], tolerance: float, min_sentences: int
) -> list[tuple[bool, str]]:
    """Compares a candidate with its baseline slice by slice, as the third condition of `Gate` says.

    Args:
        criterion: What they were compared by.
        changes: How much worse the candidate is in each slice, by the name that the reasons use.
        tolerance: How much worse it may be in a slice, as a share.
        min_sentences: How many sentences a slice needs to be a condition.

    Returns:
        For each slice that is worse by more, False and why; if there is none, True and why once; nothing where no
        slice has enough sentences.
    """
    watched = {name: change for name, change in changes.items() if change.sentences >= min_sentences}
    checks = []
    for name, change in watched.items():
        if not change.relative <= tolerance:  # NaN is not met.
            found = f"{name}: {_WORDS[criterion]} is {_percent(change.relative)} the baseline's"
            allowed = f"gate.slice_tolerance allows {100 * tolerance:.3g} %"
            checks.append((False, f"{found} over {change.sentences} sentences; {allowed}"))
    if watched and not checks:
        allowed = f"gate.slice_tolerance {100 * tolerance:.3g} %"
        checks.append((True, f"none of the {len(watched)} watched slices is worse by more than {allowed}"))
    return checks


def _percent(change: float) -> str:
    if change == 0:
        return "equal to"
    return f"{100 * abs(change):.3g} % {'above' if change > 0 else 'below'}" if not math.isnan(change) else "NaN beside"


def _at_most(change: float) -> str:
    return f"at most {100 * change:.3g} % above" if change >= 0 else f"at least {-100 * change:.3g} % below"
