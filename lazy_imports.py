"""Lazy imports of what TensorFlow, Keras and TFX import, and a command seldom uses.

They import much that only some of their functions need: scikit-learn, matplotlib, all of TFX's components. `install`
delays these modules in the process of a command: the first use of one runs its code, as an import would have.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

__all__ = ["install", "is_delayed"]

# Packages that only gather names from their submodules (and single modules). A submodule is imported without running
# the package, also as `from package import submodule`, so no other name may hide it.
GATHERING = frozenset(
    {
        "keras",
        "keras._tf_keras",
        "keras._tf_keras.keras",
        "keras.src.optimizers",
        "keras.wrappers",
        "keras._tf_keras.keras.wrappers",
        "keras.visualization",
        "keras._tf_keras.keras.visualization",
        "keras.src.visualization",
        "googleapiclient.discovery",
        "tensorflow._api.v2.__internal__.feature_column",
        "tensorflow._api.v2.compat.v2",
        "tensorflow._api.v2.feature_column",
        "tensorflow.python.keras.engine.training_v1",
        "tensorflow_data_validation",
        "tensorflow_model_analysis",
        "tensorflow_model_analysis.sdk",
        "tfx.components",
    }
)
# Packages that are used whole: the import of a submodule runs them first.
_WHOLE = frozenset({"IPython", "h5py", "keras.src", "pandas", "requests", "tensorflow._api.v2.compat.v1"})
# A name of a delayed module that can be had without running it, and where it is defined.
_DEFINED_IN = {("tensorflow_model_analysis.sdk", "EvalConfig"): "tensorflow_model_analysis.proto.config_pb2:EvalConfig"}


class _LazyModule(ModuleType):
    """A module whose code runs when a name is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        # None until the import system has set the module's attributes, which it also asks for.
        delayed = getattr(self.__spec__, "loader_state", None)
        if isinstance(delayed, _Delayed) and not delayed.is_running():
            if (definition := _DEFINED_IN.get((self.__name__, name))) is not None:
                return pkgutil.resolve_name(definition)
            submodule = f"{self.__name__}.{name}"
            if self.__name__ in GATHERING and PathFinder.find_spec(submodule, self.__dict__.get("__path__", [])):
                return importlib.import_module(submodule)
            delayed.run(self)
            return getattr(self, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class _Delayed(Loader):
    """Loads a module without running it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._lock = threading.RLock()
        self._running = False

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LazyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        # What reads the package's files asks its loader for them.
        module.__loader__ = module.__spec__.loader = self._loader
        module.__spec__.loader_state = self

    def is_running(self) -> bool:
        """Returns whether this thread is running the module's code now; waits for other threads that are."""
        with self._lock:
            return self._running

    def run(self, module: ModuleType) -> None:
        """Runs the module's code, unless this has been done or this thread is doing it."""
        with self._lock:
            if is_delayed(module) and not self._running:
                self._running = True
                try:
                    self._loader.exec_module(module)
                    module.__class__ = ModuleType
                finally:
                    self._running = False


class _Imported(Loader):
    """Gives the import system a module that exists already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__
        # If the module had it, the import system would load the module by it once more.
        module.__spec__ = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Finder(MetaPathFinder):
    """Finds the modules to delay, and runs a delayed package of which a submodule is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in GATHERING and name not in _WHOLE:
            parent = sys.modules.get(name.rpartition(".")[0])
            if not isinstance(parent, _LazyModule) or parent.__name__ not in _WHOLE:
                return None
            assert parent.__spec__ is not None
            parent.__spec__.loader_state.run(parent)
            return ModuleSpec(name, _Imported(sys.modules[name])) if name in sys.modules else None
        spec = PathFinder.find_spec(name, path, target)
        # A module that is not there, or no Python source, is imported as ever.
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _Delayed(spec.loader)
        return spec


def install() -> None:
    """Delays the imports in this process; modules that were imported before stay as they are."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def is_delayed(module: ModuleType) -> bool:
    """Returns whether a module of `sys.modules` has not run yet."""
    return isinstance(module, _LazyModule)
