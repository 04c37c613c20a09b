"""Warnings about scores that are correct but may mislead."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import SettingError

__all__ = ["FEW_SENTENCES", "FEW_TOKENS", "MANY_UNKNOWN", "score_warnings", "unknown_share"]

# Share of the scored tokens from which unknown words are warned about.
MANY_UNKNOWN = 0.2
# With fewer, chance decides.
FEW_SENTENCES = 100
FEW_TOKENS = 1000


def unknown_share(scores: Mapping[str, float]) -> float:
    """Returns the share of the scored tokens that are unknown words, 0.0 to 1.0; 0.0 without tokens.

    Args:
        scores: With `oov_tokens` and `tokens`, both tokens; the tokens include one `</s>` per sentence.
    """
    return scores["oov_tokens"] / scores["tokens"] if scores["tokens"] else 0.0


def score_warnings(scores: Mapping[str, float]) -> list[SettingError]:
    """Returns the reasons why the scores of a model may mislead.

    Worked example: 300 of 1,000 tokens in 100 sentences are unknown words. They are one word to the model, and an
    easy one, so the perplexity is low, and a warning says so. For 50 sentences, a second one says that they are few.

    Args:
        scores: `sentences`, `tokens` and `oov_tokens` of all sentences.

    Returns:
        Warnings that name settings, to be shown and not raised; empty if all is well.
    """
    warnings = []
    share = unknown_share(scores)
    if share >= MANY_UNKNOWN:
        warnings.append(
            SettingError(
                f"{100 * share:.3g} % of the scored tokens are unknown words, which makes the perplexity low; compare "
                "bits per byte, raise {vocabulary_size} or lower {vocabulary_min_count}, try "
                "{vocabulary_kind}=subwords, or see whether {tokenizer}, {lowercase} and {vocabulary_file} fit the text"
            )
        )
    sentences, tokens = int(scores["sentences"]), int(scores["tokens"])
    if sentences < FEW_SENTENCES or tokens < FEW_TOKENS:
        warnings.append(
            SettingError(
                f"only {sentences:,} sentences with {tokens:,} tokens were scored, so that chance decides; score at "
                f"least {FEW_SENTENCES} sentences and {FEW_TOKENS:,} tokens: more text, a larger {{eval_percent}}, or "
                "larger files in {splits}"
            )
        )
    return warnings
