"""Condition on the scores of a line, such as `bits_per_byte < 2`, that decides whether a corpus keeps the line."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from ..errors import SettingError, escape

# The scores of `LineScore.as_json` that a condition may name.
SCORE_NAMES = (
    "log_probability", "tokens", "bytes", "oov_tokens", "truncated_tokens", "perplexity", "bits_per_byte",
)  # fmt: skip

_COMPARE: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
MAX_LENGTH = 1000


class Keep:
    """A condition on scores: comparisons with numbers, joined by `and` and `or`.

    Worked example: `Keep("bits_per_byte < 2 and 5 <= tokens < 100")` holds for
    `{"bits_per_byte": 1.5, "tokens": 7, ...}` and not for `{"bits_per_byte": None, "tokens": 0, ...}`: a score
    that is not a number (None or NaN, that of a line without tokens) fulfils no comparison.
    """

    def __init__(self, condition: str) -> None:
        """Parses a condition.

        Args:
            condition: The condition; an empty one always holds.

        Raises:
            SettingError: If it is not a condition on `SCORE_NAMES`.
        """
        self.condition = condition.strip()
        self._holds: Callable[[Mapping[str, float]], bool] = lambda scores: True
        if not self.condition:
            return
        if len(self.condition) > MAX_LENGTH:
            raise _error(self.condition[:40] + "…", f"longer than {MAX_LENGTH:,} characters")
        try:
            # Python's own parser builds the tree; nothing in it is ever evaluated as Python.
            tree = ast.parse(self.condition, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise _error(self.condition, "cannot be read") from None
        self._holds = self._of(tree.body)

    def __call__(self, scores: Mapping[str, float | int | None]) -> bool:
        """Returns whether the scores of a line fulfil the condition."""
        return self._holds({name: math.nan if value is None else value for name, value in scores.items()})

    def __reduce__(self) -> tuple[type[Keep], tuple[str]]:
        """Sends the text of the condition to a worker, which parses it again."""
        return type(self), (self.condition,)

    def _of(self, node: ast.expr) -> Callable[[Mapping[str, float]], bool]:
        if isinstance(node, ast.BoolOp):
            parts = [self._of(part) for part in node.values]
            combine = all if isinstance(node.op, ast.And) else any
            return lambda scores: combine(part(scores) for part in parts)
        if not isinstance(node, ast.Compare):
            raise _error(self.condition, f"`{ast.unparse(node)}` is not a comparison")
        values = [self._value(part) for part in (node.left, *node.comparators)]
        operators = [_COMPARE.get(type(one)) for one in node.ops]
        if None in operators:
            raise _error(self.condition, f"`{ast.unparse(node)}` compares by another operator than < <= > >= == !=")
        comparisons = list(zip(operators, values, values[1:], strict=False))

        def holds(scores: Mapping[str, float]) -> bool:
            for compare, left, right in comparisons:
                a, b = left(scores), right(scores)
                # `!=` is true of NaN, which must fulfil nothing.
                if math.isnan(a) or math.isnan(b) or not compare(a, b):  # type: ignore[misc]
                    return False
            return True

        return holds

    def _value(self, node: ast.expr) -> Callable[[Mapping[str, float]], float]:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            value = self._value(node.operand)
            return lambda scores: -value(scores)
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            try:
                number = float(node.value)  # type: ignore[arg-type]
            except OverflowError:
                raise _error(self.condition, "a number is too large") from None
            return lambda scores: number
        if isinstance(node, ast.Name) and node.id in SCORE_NAMES:
            name = node.id
            return lambda scores: scores[name]
        raise _error(self.condition, f"`{ast.unparse(node)}` is neither a number nor one of {', '.join(SCORE_NAMES)}")


def _error(condition: str, why: str) -> SettingError:
    return SettingError(
        f"{{keep}}={escape(repr(condition))}: {escape(why)}; write a condition such as "
        "'bits_per_byte < 2 and tokens >= 5'"
    )
