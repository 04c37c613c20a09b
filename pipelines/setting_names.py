"""Names of settings: a component's argument, and the key of the same setting in a YAML file.

Components name their own arguments in errors (`errors.SettingError`); a reader of a configuration knows its keys.
"""

from __future__ import annotations

from ..components.drift_validator.options import DriftOptions
from ..components.pusher.options import PusherOptions
from ..components.serving_check.options import ServingCheckOptions
from ..components.text_example_gen.options import InputOptions
from ..components.tuner.options import TunerOptions
from ..errors import SettingError
from ..exported.gate_options import GateOptions
from ..model.options import TrainerOptions
from ..settings import Settings
from ..transform.options import LineOptions, VocabularyOptions

__all__ = ["YAML_KEYS", "in_yaml_terms", "yaml_key"]

# The options of components and the sections of a YAML file that set them.
_SECTIONS: tuple[tuple[str, type[Settings]], ...] = (
    ("data", LineOptions),
    ("data", InputOptions),
    ("vocabulary", VocabularyOptions),
    ("trainer", TrainerOptions),
    ("drift", DriftOptions),
    ("tuner", TunerOptions),
    ("gate", GateOptions),
    ("serving_check", ServingCheckOptions),
    ("pusher", PusherOptions),
)

# Arguments whose names say more than the key does, because a component has no sections.
_EXCEPTIONS = {
    "vocabulary_file": "vocabulary.file",
    "vocabulary_kind": "vocabulary.kind",
    "vocabulary_size": "vocabulary.size",
    "vocabulary_min_count": "vocabulary.min_count",
    "vocabulary_from": "vocabulary.from",
    "vocabulary_grow": "vocabulary.grow",
    "min_count": "vocabulary.min_count",
    "push_destination": "output",
    "base_model": "trainer.warm_start",
    "model_path": "trainer.warm_start",
}


def _keys() -> dict[str, str]:
    keys: dict[str, str] = {}
    for section, options in _SECTIONS:
        for name, field in options.model_fields.items():
            name = field.alias or name
            if name in keys:
                raise RuntimeError(f"{keys[name]} and {section}.{name} have the same name; rename one of them")
            keys[name] = f"{section}.{name}"
    # Too short to say what they mean outside their section.
    for name in ("kind", "size", "file", "from"):
        del keys[name]
    return keys | _EXCEPTIONS


# The key in a YAML file, by the component's argument: `units` is `trainer.units`.
YAML_KEYS: dict[str, str] = _keys()


def yaml_key(name: str) -> str:
    """Returns the YAML key of a component's argument.

    Args:
        name: The argument, which may go on with a part of its value: `splits.train`.

    Returns:
        The key, such as `trainer.units` or `data.splits.train`; the name itself if no key sets it.
    """
    head, dot, rest = name.partition(".")
    return f"{YAML_KEYS.get(head, head)}{dot}{rest}"


def in_yaml_terms(error: BaseException) -> str | None:
    """Translates an error that names settings.

    Args:
        error: An exception, perhaps raised from a SettingError or while one was handled.

    Returns:
        The message of the first SettingError in its chain, with YAML keys; None if there is none.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, SettingError):
            return current.with_names(yaml_key)
        seen.add(id(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return None
