"""The public names of the packages, and what importing them imports."""

import importlib

import pytest
from helpers.programs import HEAVY, imported_modules

PACKAGES = ["tfx_lm.components", "tfx_lm.exported", "tfx_lm.model", "tfx_lm.pipelines", "tfx_lm.transform"]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_public_name_is_there(name):
    package = importlib.import_module(name)
    assert package.__all__ == dir(package)
    assert all(callable(getattr(package, public)) for public in package.__all__)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_importing_the_packages_imports_nothing_heavy():
    imported = imported_modules(*PACKAGES)
    assert imported.issuperset(PACKAGES)
    assert not imported & HEAVY
