"""Imports go one way: transform <- components <- pipelines."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tfx_lm

ROOT = Path(tfx_lm.__file__).parent
MAY_IMPORT = {
    "transform": {"transform"},
    "components": {"components", "transform"},
    "pipelines": {"pipelines", "components", "transform", ""},
}


def imported_parts(source: Path) -> set[str]:
    """The parts of tfx_lm (`transform`, `components`, ...) that a file imports, anywhere in it."""
    package = source.relative_to(ROOT).parts[:-1]
    parts = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)] + tuple((node.module or "").split("."))
            parts.add(next((part for part in base if part), ""))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tfx_lm"):
            parts.add([*node.module.split("."), ""][1])
        elif isinstance(node, ast.Import):
            parts.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("tfx_lm."))
    return parts


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_imports_go_one_way(part):
    sources = sorted((ROOT / part).rglob("*.py"))
    assert sources
    for source in sources:
        assert imported_parts(source) <= MAY_IMPORT[part], source


def test_help_does_not_import_tensorflow():
    begin = time.monotonic()
    script = "import sys; sys.argv = ['tfx-lm', '--help']\nfrom tfx_lm.pipelines.cli import main\n"
    script += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    script += "heavy = {'tensorflow', 'tfx', 'apache_beam', 'keras'} & set(sys.modules)\nassert not heavy, heavy\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage: tfx-lm" in done.stdout
    assert time.monotonic() - begin < 5  # Typically 0.2 s; the bound leaves room for a busy machine.


def test_the_process_of_a_local_run_does_not_import_tensorflow():
    """Its nodes do, each in a process of its own; importing TFX twice would take 9 seconds more."""
    script = "import sys\nimport tfx_lm.pipelines.preflight, tfx_lm.pipelines.run\n"
    script += "heavy = {'tensorflow', 'tfx', 'apache_beam', 'keras'} & set(sys.modules)\nassert not heavy, heavy\n"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_node_imports_no_more_of_tfx_than_it_needs():
    """TFX's public module, `tfx.v1`, imports the clients of Kubeflow and Google Cloud too, which takes 3 seconds."""
    executors = sorted(path.parent.name for path in ROOT.glob("components/*/executor.py"))
    assert "text_example_gen" in executors
    modules = ["tfx_lm.pipelines.node_command", *(f"tfx_lm.components.{name}.executor" for name in executors)]
    script = f"import sys, {', '.join(modules)}\n"
    script += "heavy = {'tfx.v1', 'kfp', 'google.cloud.aiplatform'} & set(sys.modules)\nassert not heavy, heavy\n"
    subprocess.run([sys.executable, "-c", script], check=True)
