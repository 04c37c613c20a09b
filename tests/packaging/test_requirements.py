"""Every library that the package imports is declared in setup.py, by the part of it that needs it."""

import ast
import re
import sys
from pathlib import Path

import pytest
import setuptools
import tfx_lm

ROOT = Path(tfx_lm.__file__).parent
ROOMS = ("cli", "components", "exported", "model", "pipelines", "server", "text_files", "transform")
# Distributions that are not named like the package that they bring.
DISTRIBUTIONS = {
    "IPython": "ipykernel",  # A notebook has both.
    "airflow": "apache-airflow",
    "google": "protobuf",
    "grpc": "grpcio",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "pyyaml",
}
# Files that need an extra, and its name; all others do with what is always installed.
EXTRAS = {
    "components/report/visualizations.py": "dev",
    "pipelines/airflow": "airflow",
    "server": "serve",
}


@pytest.fixture(scope="module")
def declared():
    """The names of the distributions that setup.py declares: "" are always installed, others are extras."""
    arguments = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setuptools, "setup", lambda **given: arguments.update(given))
        source = (ROOT / "setup.py").read_text(encoding="utf-8")
        exec(compile(source, "setup.py", "exec"), {"__file__": str(ROOT / "setup.py"), "__name__": "setup"})
    names = {"": arguments["install_requires"], **arguments["extras_require"]}
    return {extra: {re.match(r"[\w-]+", line)[0].lower() for line in lines} for extra, lines in names.items()}


def imported(source: str) -> set[str]:
    """The top-level packages of others that a source imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"tfx_lm"}


def test_imports_are_found():
    source = "import os, yaml.nodes\nfrom . import a\nfrom tfx_lm import b\ndef f():\n    from jinja2.ext import c\n"
    assert imported(source) == {"yaml", "jinja2"}


def test_every_import_is_declared(declared):
    undeclared = {}
    files = [path for path in ROOT.glob("*.py") if path.name != "setup.py"]
    for path in [*files, *(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))]:
        name = path.relative_to(ROOT).as_posix()
        known = set(declared[""])
        for prefix, extra in EXTRAS.items():
            if name == prefix or name.startswith(f"{prefix}/"):
                known |= declared[extra]
        needed = {DISTRIBUTIONS.get(package, package.replace("_", "-")) for package in imported(path.read_text())}
        if needed - known:
            undeclared[name] = needed - known
    assert undeclared == {}
