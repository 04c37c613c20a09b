"""Lazy imports of what TensorFlow, Keras and TFX import, and a command seldom uses.

They import much that only some of their functions need: scikit-learn, matplotlib, all of TFX's components. `install`
delays these modules in the process of a command: the first use of one runs its code, as an import would have.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys
import threading
from collections.abc import Iterator, Sequence
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


# The locks of the import system, one for each module; waits in a circle raise a RuntimeError.
_bootstrap: Any = sys.modules["importlib._bootstrap"]


class _LazyModule(ModuleType):
    """A module whose code runs when a name is asked for that it does not have yet."""

    def __getattr__(self, name: str) -> Any:
        # None until the import system has set the module's attributes, which it also asks for.
        delayed = getattr(self.__spec__, "loader_state", None)
        if isinstance(delayed, _Delayed) and not delayed.runs_here():
            if (definition := _DEFINED_IN.get((self.__name__, name))) is not None:
                # Kept: TFMA 0.48 does not define it itself, TFX does so if it finds none.
                setattr(self, name, pkgutil.resolve_name(definition))
                return self.__dict__[name]
            submodule = f"{self.__name__}.{name}"
            if self.__name__ in GATHERING and PathFinder.find_spec(submodule, self.__dict__.get("__path__", [])):
                return importlib.import_module(submodule)
            delayed.run(self)
            if not is_delayed(self) or name in self.__dict__:
                return getattr(self, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Is pickled by its name: cloudpickle and dill do so with modules of exactly the type ModuleType."""
        return importlib.import_module, (self.__name__,)


class _Delayed(Loader):
    """Loads a module without running it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._running_thread: int | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _LazyModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        # What reads the package's files asks its loader for them.
        module.__loader__ = module.__spec__.loader = self._loader
        module.__spec__.loader_state = self

    def runs_here(self) -> bool:
        """Returns whether this thread is running the module's code now."""
        return self._running_thread == threading.get_ident()

    def run(self, module: ModuleType) -> None:
        """Runs the module's code, or waits for the thread that runs it, as an import does.

        Nothing is done if it has run, if this thread is running it, or if the thread that runs it waits for this one.
        """
        if self.runs_here():
            return
        lock = _bootstrap._get_module_lock(module.__name__)
        try:
            lock.acquire()
        except _bootstrap._DeadlockError:
            return
        try:
            if is_delayed(module):
                self._running_thread = threading.get_ident()
                try:
                    self._loader.exec_module(module)
                    module.__class__ = ModuleType
                finally:
                    self._running_thread = None
        finally:
            lock.release()


class _AfterPackage(Loader):
    """Loads a submodule after its delayed package has run."""

    def __init__(self, loader: Loader | None, package: ModuleType, delayed: _Delayed) -> None:
        self._loader = loader
        self._package = package
        self._delayed = delayed

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        with _unlocked(spec.name):
            self._delayed.run(self._package)
        if (module := sys.modules.get(spec.name)) is not None:
            self._spec = module.__spec__
            return module
        spec.loader = self._loader
        return None if self._loader is None else self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Is called only for a module that the package has imported, and that runs no second time."""
        module.__spec__ = self._spec

    def __getattr__(self, name: str) -> Any:
        """What reads the submodule's files asks its loader for them."""
        return getattr(self._loader, name)


@contextlib.contextmanager
def _unlocked(name: str) -> Iterator[None]:
    """Gives up the lock of a module that this thread imports: the thread that runs its package may need it."""
    lock = _bootstrap._get_module_lock(name)
    try:
        lock.release()
    except RuntimeError:  # Not held: this is no import.
        yield
        return
    try:
        yield
    finally:
        lock.acquire()


class _Finder(MetaPathFinder):
    """Finds the modules to delay, and the submodules of delayed packages.

    It runs nothing and waits for nothing, since the import system holds its global lock meanwhile.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in GATHERING or name in _WHOLE:
            spec = PathFinder.find_spec(name, path, target)
            # A module that is not there, or no Python source, is imported as ever.
            if spec is None or not isinstance(spec.loader, SourceFileLoader):
                return None
            spec.loader = _Delayed(spec.loader)
            return spec
        package = sys.modules.get(name.rpartition(".")[0])
        if not isinstance(package, _LazyModule) or package.__name__ not in _WHOLE or package.__spec__ is None:
            return None
        # Another thread may be about to load the package, and lets go of its lock afterwards.
        delayed = package.__spec__.loader_state or package.__spec__.loader
        if not isinstance(delayed, _Delayed) or delayed.runs_here():
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _AfterPackage(spec.loader, package, delayed)
        return spec


def install() -> None:
    """Delays the imports in this process; modules that were imported before stay as they are."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def is_delayed(module: ModuleType) -> bool:
    """Returns whether a module of `sys.modules` has not run yet."""
    return isinstance(module, _LazyModule)
