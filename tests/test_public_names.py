"""The public names of the packages, and what importing them imports."""

import importlib
import subprocess
import sys

import pytest

PACKAGES = ["tfx_lm.components", "tfx_lm.exported", "tfx_lm.model", "tfx_lm.pipelines", "tfx_lm.transform"]


@pytest.mark.parametrize("name", PACKAGES)
def test_each_public_name_is_there(name):
    package = importlib.import_module(name)
    assert package.__all__ == dir(package)
    assert all(callable(getattr(package, public)) for public in package.__all__)
    with pytest.raises(AttributeError, match=f"module '{name}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_importing_the_packages_imports_nothing_heavy():
    script = f"import sys, {', '.join(PACKAGES)}\n"
    script += "heavy = {'tensorflow', 'tfx', 'apache_beam', 'keras'} & set(sys.modules)\nassert not heavy, heavy\n"
    subprocess.run([sys.executable, "-c", script], check=True)
