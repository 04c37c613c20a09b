"""Training origin of an exported model: what a later training must know to start from it, stored next to it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import tensorflow as tf

from .text_statistics import TextStatistics

# TensorFlow keeps this folder free for such files; no server reads them.
FILE = "assets.extra/tfx_lm_training.json"


@dataclasses.dataclass(frozen=True)
class TrainingOrigin:
    """What a model was trained on, and what of its layout its variables do not tell.

    Attributes:
        adaptive_cutoffs: The first id of each cluster of an adaptive output; empty for a full one, None if the model
            does not say it.
        examples: Digest of the input that it was trained on; empty if it is not known.
        text: Statistics of the lines that it was trained on; None if they are not known.
        from_model: Whether its weights or its vocabulary came from another model.
        residual: Whether the input of each LSTM layer is added to its output. None means no: models did not say it
            before there was the option.
    """

    adaptive_cutoffs: tuple[int, ...] | None = None
    examples: str = ""
    text: TextStatistics | None = None
    from_model: bool = False
    residual: bool | None = None


def write_training_origin(path: str, origin: TrainingOrigin) -> None:
    """Writes the origin beside a SavedModel; nothing if there is nothing to say.

    Args:
        path: The folder that holds `saved_model.pb`.
        origin: The origin.
    """
    if not (origin.adaptive_cutoffs or origin.examples or origin.residual) and origin.text is None:
        return
    tf.io.gfile.makedirs(f"{path}/{FILE.rpartition('/')[0]}")
    with tf.io.gfile.GFile(f"{path}/{FILE}", "w") as file:
        file.write(json.dumps(dataclasses.asdict(origin), indent=2) + "\n")


def read_training_origin(path: str) -> TrainingOrigin:
    """Reads the origin of a SavedModel; an empty one if it has none, as models of earlier versions.

    Args:
        path: The folder that holds `saved_model.pb`.

    Raises:
        ValueError: The file is damaged.
    """
    if not tf.io.gfile.exists(f"{path}/{FILE}"):
        return TrainingOrigin()
    with tf.io.gfile.GFile(f"{path}/{FILE}", "r") as file:
        text = file.read()
    try:
        content = json.loads(text)
        cutoffs = content["adaptive_cutoffs"]
        return TrainingOrigin(
            adaptive_cutoffs=None if cutoffs is None else tuple(map(int, cutoffs)),
            examples=str(content["examples"]),
            text=_text(content),
            # The first models that started from others do not say it.
            from_model=bool(content.get("from_model", False)),
            residual=None if content.get("residual") is None else bool(content["residual"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}/{FILE}: is damaged; push the model again") from error


def _text(content: dict[str, Any]) -> TextStatistics | None:
    """Returns the statistics; models of earlier versions have none."""
    text = content.get("text")
    return None if text is None else TextStatistics.from_json(text)
