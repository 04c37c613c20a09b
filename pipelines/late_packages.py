"""Imports of modules without the `__init__.py` of the package above them, which runs when it is first needed.

TFX's launcher imports one constant from below `tfx.components`, and `tfx.types.standard_component_specs` a few messages
from below TensorFlow Data Validation and TensorFlow Model Analysis. Python runs the `__init__.py` of those packages as
well, which imports all of TFX's components, Keras, scikit-learn and NLTK: 3,300 of 8,100 modules, half of the time that
`tfx-lm run-node` takes to start. What a node itself needs of them it imports later, and then in Python's own order.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

LATE = ("tensorflow_data_validation", "tensorflow_model_analysis", "tfx.components")
# What every node needs, to be imported in a block of `packages_late`.
NEEDED = ("tfx_lm.pipelines.nodes.node_command", "tfx.types.standard_component_specs")
# What runs before any of the others: in TFX 1.21 it gives TFMA 0.48 what that lacks, `tfma.EvalConfig` among it.
FIRST = "tfx.components"


@contextlib.contextmanager
def packages_late() -> Iterator[None]:
    """Delays packages while the block imports what every node needs; those already imported stay as they are.

    A module that the block imports must not need names of these packages while it is itself imported. Afterwards,
    the first import of a package or of another module below it runs the package, as ever.
    """
    finder = next((known for known in sys.meta_path if isinstance(known, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    finder.delays = True
    try:
        yield
    finally:
        finder.delays = False
        for name in finder.delayed:
            sys.modules.pop(name, None)


class _Finder(MetaPathFinder):
    """Finds packages that are to be late, and those that have been."""

    def __init__(self) -> None:
        self.delays = False
        self.delayed: dict[str, ModuleType] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in LATE:
            return None if self.delays else self._below_delayed(fullname, path, target)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            runs = fullname in self.delayed or not self.delays
            spec.loader = _Running(spec.loader, self) if runs else _Delaying(spec.loader, self)
        return spec

    def _below_delayed(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        """Finds a module below a package that was imported late: the package runs before it, as ever."""
        above = next((name for name in LATE if fullname.startswith(f"{name}.")), "")
        package = self.delayed.get(above)
        spec = None if package is None else PathFinder.find_spec(fullname, path, target)
        if package is not None and spec is not None and spec.loader is not None:
            spec.loader = _After(spec.loader, package)
        return spec


class _After(Loader):
    """Loads a module after the package above it has run, which may import it as well.

    Otherwise a module that asks for its package would be half imported when the package imports it. The package does
    not run while the module is looked for, since Python then holds other threads back from every import.
    """

    def __init__(self, loader: Loader, package: ModuleType) -> None:
        self._loader = loader
        self._package = package
        self._imported: ModuleType | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        _run(self._package)
        self._imported = sys.modules.get(spec.name)
        return self._imported or self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        _restore(module, self._loader)
        if self._imported is None:
            self._loader.exec_module(module)


class _Delaying(Loader):
    """Leaves a package empty."""

    def __init__(self, loader: Loader, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        _restore(module, self._loader)
        module.__class__ = _LatePackage
        self._finder.delayed[module.__name__] = module


class _Running(Loader):
    """Runs a package; one that was left empty stays the same object, which modules below it may know."""

    def __init__(self, loader: Loader, finder: _Finder) -> None:
        self._loader = loader
        self._finder = finder
        self._has_run = False

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name != FIRST and FIRST in self._finder.delayed:
            _run(self._finder.delayed[FIRST])
            # It may have imported this one as well.
            self._has_run = spec.name in sys.modules and spec.name not in self._finder.delayed
            if self._has_run:
                return sys.modules[spec.name]
        return self._finder.delayed.pop(spec.name, None) or self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        _restore(module, self._loader)
        if not self._has_run:
            self._loader.exec_module(module)
            module.__class__ = ModuleType


def _restore(module: ModuleType, loader: Loader) -> None:
    assert module.__spec__ is not None
    module.__spec__.loader = module.__loader__ = loader


class _LatePackage(ModuleType):
    """A package whose `__init__.py` has not run to its end."""

    def __getattr__(self, name: str) -> Any:
        # Python's own questions, such as whether this is a decorated function (`__wrapped__`), do not use the package.
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        # As in `from PACKAGE import MODULE`, which modules below it do while they are imported.
        if _is_delayed(self) and importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
            return importlib.import_module(f"{self.__name__}.{name}")
        _run(self)
        return ModuleType.__getattribute__(self, name)

    def __dir__(self) -> list[str]:
        _run(self)
        return list(ModuleType.__dir__(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return importlib.import_module, (self.__name__,)


def _is_delayed(package: ModuleType) -> bool:
    return any(isinstance(finder, _Finder) and package.__name__ in finder.delayed for finder in sys.meta_path)


def _run(package: ModuleType) -> None:
    """Imports a package again, and with that runs it; Python's locks hold other threads back until it is whole."""
    if _is_delayed(package):
        sys.modules.pop(package.__name__, None)
    importlib.import_module(package.__name__)
