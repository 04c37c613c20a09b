"""Starting model: the weights and words of an exported model, from which another training goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..errors import SettingError, escape
from ..exported.token_identity import read_token_identity
from ..exported.training_origin import read_training_origin
from ..transform.pieces import holds_pieces
from ..transform.vocabulary import VOCABULARY_NAME, read_vocabulary
from .adaptive import fitting_cutoffs
from .options import TrainerOptions

if TYPE_CHECKING:
    from .language_model import LanguageModel

# The path of a weight in a checkpoint, after its name in `parameters`, whose slashes are written as `.S`.
_PREFIX, _SUFFIX = "parameters/", "/.ATTRIBUTES/VARIABLE_VALUE"
_EMBEDDING, _OUTPUT_KERNEL, _OUTPUT_BIAS = "embedding/embeddings", "output_kernel", "output_bias"
# They have one row for each id.
_BY_WORD = (_EMBEDDING, _OUTPUT_KERNEL, _OUTPUT_BIAS)
_CLUSTERS = "cluster_bias"


class StartingModel:
    """An exported model, read without its graph: from the variables, the vocabulary and the files beside them.

    Args:
        path: The folder that holds `saved_model.pb`; local or on any file system that TensorFlow reads.

    Attributes:
        path: That folder.
        words: Its vocabulary, in the order of the ids.

    Raises:
        SettingError: It is no model of this package, or cannot be read.
    """

    def __init__(self, path: str):
        self.path = path
        try:
            self._tokens = read_token_identity(path)
            self._origin = read_training_origin(path)
            self.words = read_vocabulary(f"{path}/assets/{VOCABULARY_NAME}")
            self._reader = tf.train.load_checkpoint(f"{path}/variables/variables")
        except (ValueError, tf.errors.OpError) as error:
            raise self._unusable(f"cannot be read ({escape(getattr(error, 'message', error))})") from error
        # A checkpoint has other entries too, such as the graph of its objects.
        self._shapes: dict[str, list[int]] = {
            name.removeprefix(_PREFIX).removesuffix(_SUFFIX).replace(".S", "/"): shape
            for name, shape in self._reader.get_variable_to_shape_map().items()
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX)
        }
        missing = [name for name in (_EMBEDDING, _OUTPUT_BIAS, "lstm_0/lstm_cell/kernel") if name not in self._shapes]
        if missing:
            raise self._unusable(f"has no variable {missing[0]}, which this version's models have")
        if self._shapes[_EMBEDDING][0] != len(self.words):
            raise self._unusable(f"has {self._shapes[_EMBEDDING][0]} rows of weights for {len(self.words)} words")

    def digest(self) -> str:
        """Returns 16 hexadecimal digits that change with the weights, the words or the layout."""
        digest = hashlib.sha256()
        # The index of the variables has a checksum of each.
        for name in ("variables/variables.index", f"assets/{VOCABULARY_NAME}"):
            with tf.io.gfile.GFile(f"{self.path}/{name}", "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
        digest.update(repr(self._origin.adaptive_cutoffs).encode())
        if self._origin.residual:
            digest.update(b"residual")
        return digest.hexdigest()[:16]

    def check(self, options: TrainerOptions, tokenizer: str, lowercase: bool, normalization: str) -> None:
        """Checks that a model with some options can start from this one.

        Args:
            options: The options of the new model.
            tokenizer: Its tokenizer.
            lowercase: Whether its text is lower-cased.
            normalization: The normalization of its text.

        Raises:
            SettingError: An option differs; the message names it, both values and the remedy.
        """
        kernel, width = _OUTPUT_KERNEL, self._shapes[_EMBEDDING][1]
        layers = sum(name.startswith("lstm_") and name.endswith("/lstm_cell/kernel") for name in self._shapes)
        theirs: dict[str, Any] = {
            "tokenizer": self._tokens.get("tokenizer"),
            "lowercase": self._tokens.get("lowercase"),
            "normalization": self._tokens.get("normalization", "none"),
            "layers": layers,
            "units": self._shapes["lstm_0/lstm_cell/kernel"][1] // 4,
            "embedding_units": width,
            "residual": bool(self._origin.residual),
            "tied_embedding": kernel not in self._shapes,
            "output": "adaptive" if _CLUSTERS in self._shapes else "full",
        }
        ours = {
            **options.model_dump(),
            "tokenizer": tokenizer,
            "lowercase": lowercase,
            "normalization": normalization,
        }
        for name, value in theirs.items():
            if ours[name] != value:
                raise SettingError(
                    f"{{base_model}}={escape(self.path)}: has {{{name}}}={_shown(value)}, and the new model "
                    f"{{{name}}}={_shown(ours[name])}; set {{{name}}}={_shown(value)}, or leave {{base_model}} out to "
                    "train from new weights"
                )
        if options.output == "adaptive" and self._origin.adaptive_cutoffs is None:
            raise self._unusable(
                "does not say where the clusters of its output begin, as an earlier version exported it; leave "
                "{base_model} out once, and push the model of that training"
            )

    def check_words(self, options: TrainerOptions, words: Sequence[bytes]) -> None:
        """Checks that a vocabulary is of the same kind, and fits an adaptive output.

        Args:
            options: The options of the new model.
            words: Its vocabulary, in the order of the ids.

        Raises:
            SettingError: One holds words and the other pieces of words; or, with an adaptive output, a word has another
                id, or the clusters would begin at other ids.
        """
        self.check_kind("subwords" if holds_pieces(words) else "words")
        if options.output != "adaptive":
            return
        if list(words[: len(self.words)]) != self.words:
            raise self._unusable(
                "has other words, or in another order, and with {output}=adaptive the weights belong to ranges of ids; "
                "set {vocabulary_from}=baseline"
            )
        self._check_clusters(options, len(words))

    def check_kind(self, ours: str) -> None:
        """Checks the kind of a vocabulary, `words` or `subwords`.

        Raises:
            SettingError: The model has the other kind.
        """
        theirs = "subwords" if holds_pieces(self.words) else "words"
        if theirs != ours:
            raise self._unusable(
                f"has {{vocabulary_kind}}={theirs}, and the new model {{vocabulary_kind}}={ours}; set "
                f"{{vocabulary_kind}}={theirs}, or leave {{base_model}} out to train from new weights"
            )

    def check_growth(self, options: TrainerOptions, grow: int) -> None:
        """Checks that a vocabulary that keeps the ids leaves the clusters of an adaptive output where they are.

        Args:
            options: The options of the new model.
            grow: How many new words it has at most.

        Raises:
            SettingError: With so many words, the clusters would begin at other ids.
        """
        if options.output == "adaptive":
            for size in (len(self.words), len(self.words) + grow):
                self._check_clusters(options, size)

    def _check_clusters(self, options: TrainerOptions, size: int) -> None:
        ours, theirs = fitting_cutoffs(options.adaptive_cutoffs, size), self._origin.adaptive_cutoffs
        if ours != theirs:
            raise self._unusable(
                f"has clusters that begin at the ids {list(theirs or ())}, and the new model, of {size} ids, at "
                f"{list(ours)}; set {{adaptive_cutoffs}}={list(theirs or ())}"
            )

    def assign(self, model: LanguageModel, words: Sequence[bytes]) -> int:
        """Sets the weights of a model: those of each word that both have, and all that belong to no word.

        The worked example: this model has the words `<pad> <unk> <s> </s> a b`, the other one
        `<pad> <unk> <s> </s> b c`. The row of `b`, 5 here, becomes row 4; row 5, of `c`, keeps what the other model
        was initialised with.

        Args:
            model: The model, with all variables made; `check` and `check_words` have passed.
            words: Its vocabulary, in the order of the ids.

        Returns:
            The number of new words, which keep their weights.

        Raises:
            SettingError: A variable is missing, or has another shape.
        """
        index = {word: row for row, word in enumerate(self.words)}
        source = np.array([index.get(word, -1) for word in words])
        known = source >= 0
        prefix = f"{model.name}/"
        for weight in model.weights:
            name = weight.path.removeprefix(prefix)
            value = weight.value
            shape = self._shapes.get(name)
            if shape is None or list(shape if name not in _BY_WORD else [len(words), *shape[1:]]) != list(value.shape):
                raise self._unusable(f"has the variable {name} of shape {shape}, and the new model {list(value.shape)}")
            try:
                stored = self._reader.get_tensor(f"{_PREFIX}{name.replace('/', '.S')}{_SUFFIX}")
            except (RuntimeError, tf.errors.OpError) as error:
                raise self._unusable(f"its variables are damaged ({escape(error)})") from error
            if name in _BY_WORD:
                rows = value.numpy()
                rows[known] = stored[source[known]]
                stored = rows
            weight.assign(stored)
        return int(len(words) - known.sum())

    def _unusable(self, reason: str) -> SettingError:
        """Returns the error about this model; the reason is a template."""
        return SettingError(f"{{base_model}}={escape(self.path)}: {reason}")


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
