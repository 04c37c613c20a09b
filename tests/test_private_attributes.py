"""Private attributes of other libraries are touched in a `compat.py` only, which names the versions it saw them in."""

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
import tfx_lm

ROOT = Path(tfx_lm.__file__).parent
ROOMS = ("cli", "components", "exported", "model", "pipelines", "server", "text_files", "transform")
# Named with an underscore by Python so that they cannot clash with fields; documented.
PUBLIC = {"_asdict", "_replace", "_fields", "_make"}
# Python documents `os._exit` in spite of its name.
PUBLIC_FUNCTIONS = {("os", "_exit")}
BY_NAME = {"getattr", "setattr", "hasattr", "delattr"}


def is_private(name: str) -> bool:
    # `__len__` is Python's, and `_generate_next_value_` is how enumerations are documented to be extended.
    return name.startswith("_") and not name.endswith("_") and name not in PUBLIC


def private_names(source: str) -> set[str]:
    """The private attributes, of anything but `self` and `cls`, and the private modules that a source touches."""
    touched = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner not in ("self", "cls") and (owner, node.attr) not in PUBLIC_FUNCTIONS:
                touched.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            touched.update(name for name in names if is_private(name))
        elif isinstance(node, ast.Import):
            touched.update(name for alias in node.names for name in alias.name.split(".") if is_private(name))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
            texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            touched.update(text for text in texts[:1] if isinstance(text, str) and is_private(text))
    return touched


def sources() -> list[Path]:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return sorted([*files, *ROOT.glob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("optimizer._apply = list", {"_apply"}),
        ("getattr(optimizer, '_apply', None)", {"_apply"}),
        ("from keras._impl import a", {"_impl"}),
        ("from keras import _tf", {"_tf"}),
        ("import keras._impl.a", {"_impl"}),
        ("self._apply = cls._apply = b.__name__", set()),
        ("verdict._replace(a=verdict._asdict())", set()),
        ("os._exit(1)", set()),
        ("process._exit(os._spawnvef)", {"_exit", "_spawnvef"}),
        ("from ._own import _a", set()),
    ],
)
def test_private_names_are_found(source, names):
    assert private_names(source) == names


def test_only_compat_touches_private_attributes():
    names = {path.relative_to(ROOT).as_posix(): private_names(path.read_text(encoding="utf-8")) for path in sources()}
    assert {path for path, touched in names.items() if touched} == {
        "components/text_transform/compat.py",
        "components/trainer/compat.py",
        "pipelines/beam/compat.py",
    }


def overridden(module) -> set[str]:
    """The private methods of other libraries' classes that a module's own classes override."""
    touched = set()
    for own in vars(module).values():
        if inspect.isclass(own) and own.__module__ == module.__name__:
            foreign = [base for base in own.__mro__ if base.__module__.split(".")[0] != "tfx_lm"]
            private = [name for name, value in vars(own).items() if inspect.isfunction(value) and is_private(name)]
            touched.update(f"{own.__name__}.{name}" for name in private for base in foreign if name in vars(base))
    return touched


@pytest.mark.slow
def test_only_compat_overrides_private_methods():
    names = [
        module.name
        for room in ROOMS
        for module in pkgutil.walk_packages([str(ROOT / room)], f"tfx_lm.{room}.")
        # Airflow's operators can only be imported in Airflow's own environment.
        if module.name != "tfx_lm.pipelines.airflow.airflow_dag"
    ]
    methods = {name: overridden(importlib.import_module(name)) for name in names}
    assert {name: names for name, names in methods.items() if names} == {
        "tfx_lm.components.text_transform.compat": {"BlockProcessor._CreateTFXIO", "_ExampleBlocks._ProjectImpl"},
        "tfx_lm.components.trainer.compat": {"BuiltModel._maybe_symbolic_build"},
    }
