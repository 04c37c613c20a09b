"""A start of Python in which TFX and its companions cannot be imported; put this folder on PYTHONPATH."""

import importlib.abc
import importlib.machinery
import sys

BLOCKED = {"tfx", "apache_beam", "tensorflow_model_analysis", "tensorflow_transform", "keras", "tf_keras"}


class Finder(importlib.abc.MetaPathFinder):
    """Finds the packages where they are, since TensorFlow asks where Keras lies, but not as something to import."""

    def find_spec(self, name, path=None, target=None):
        if name not in BLOCKED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None:
            spec.loader = Loader()
        return spec


class Loader(importlib.abc.Loader):
    """Refuses to import."""

    def create_module(self, spec):
        raise ModuleNotFoundError(f"{spec.name} is blocked", name=spec.name)

    def exec_module(self, module):
        raise AssertionError("never reached")


sys.meta_path.insert(0, Finder())
