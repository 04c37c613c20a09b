"""Which model the candidate is compared with: the latest blessed one that is not the candidate itself."""

from __future__ import annotations

from typing import Any

from tfx.dsl.components.common import resolver

_CURRENT_MODEL_ID = "current_model_id"
_BLESSED = "blessed"


class LatestOtherBlessedModelStrategy(resolver.ResolverStrategy):
    """Resolves the newest blessed `Model` besides the candidate, and its `ModelBlessing`.

    TFX's `LatestBlessedModelStrategy` would, on a run in which nothing changed, resolve the very model that the
    previous run blessed: the model is then compared with itself, and since the Evaluator's input has changed,
    its cached result is not used. Leaving out the candidate makes an unchanged run resolve what it resolved
    before, so that every node is cached.

    The Resolver takes three channels: `model` and `model_blessing` (any producer) and `candidate` (the Trainer's
    output). Example, as artifact ids: models 4 and 9 exist, both blessed.

    | candidate | resolved `model` |
    |---|---|
    | 9 (trained just now or cached) | 4 |
    | 4 | 9 |
    """

    def resolve_artifacts(self, store: Any, input_dict: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Picks the baseline.

        Args:
            store: The ML Metadata store; not used.
            input_dict: The artifacts of the channels `model`, `model_blessing` and `candidate`.

        Returns:
            The same keys; `model` and `model_blessing` hold one artifact each, or none where there is no baseline.
        """
        del store
        candidates = {artifact.id for artifact in input_dict["candidate"]}
        blessings = {
            blessing.get_int_custom_property(_CURRENT_MODEL_ID): blessing
            for blessing in sorted(input_dict["model_blessing"], key=lambda artifact: artifact.id)
            if blessing.get_int_custom_property(_BLESSED) == 1
        }
        others = [model for model in input_dict["model"] if model.id in blessings and model.id not in candidates]
        newest = max(others, key=lambda model: model.id, default=None)
        return {
            "model": [newest] if newest else [],
            "model_blessing": [blessings[newest.id]] if newest else [],
            "candidate": input_dict["candidate"],
        }
