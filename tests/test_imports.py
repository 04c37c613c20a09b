"""The floors of the house: who may import whom, and what each start imports."""

import ast
import subprocess
from pathlib import Path

import pytest
import tfx_lm
from helpers.programs import HEAVY, imported_modules, program

ROOT = Path(tfx_lm.__file__).parent
# Each room stands on those before it, the server on `exported` alone. Root modules hold what many need.
FLOORS = ["text_files", "transform", "exported", "model", "components", "pipelines", "cli"]
MAY_IMPORT = {
    **{room: {"root", *FLOORS[: index + 1]} for index, room in enumerate(FLOORS)},
    "server": {"root", "exported", "server"},
    "root": {"root"},
}
MAY_IMPORT["cli"].add("server")


def imported_rooms(source: Path) -> set[str]:
    """The rooms of tfx_lm (`transform`, `exported`, ...) that a file imports anywhere, also inside functions."""
    package = source.relative_to(ROOT).parts[:-1]
    names = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - (node.level - 1)], *filter(None, (node.module or "").split("."))]
            names += [base or [alias.name] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "tfx_lm":
            base = node.module.split(".")[1:]
            names += [base or [alias.name] for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name.split(".")[1:] for alias in node.names if alias.name.startswith("tfx_lm.")]
    return {name[0] if name[0] in MAY_IMPORT else "root" for name in names}


def sources(room: str) -> list[Path]:
    return sorted(ROOT.glob("*.py") if room == "root" else (ROOT / room).rglob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_run_downward(room):
    assert sources(room)
    for source in sources(room):
        assert imported_rooms(source) <= MAY_IMPORT[room], source


def test_every_room_has_a_floor():
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(MAY_IMPORT) - {"root"}


def test_help_does_not_import_tensorflow():
    done = subprocess.run(program("show_help"), capture_output=True, text=True, check=True)
    assert "Usage: tfx-lm" in done.stdout
    assert not set(done.stderr.split()) & HEAVY


@pytest.mark.slow
def test_the_process_of_a_local_run_does_not_import_tensorflow():
    """Its nodes do, each in a process of its own; importing TFX twice would take 9 seconds more."""
    imported = imported_modules("tfx_lm.pipelines.preflight", "tfx_lm.pipelines.local.run")
    assert not imported & HEAVY


@pytest.mark.slow
def test_neither_a_node_nor_the_pipeline_imports_more_of_tfx_than_it_needs():
    """TFX's public module, `tfx.v1`, imports the clients of Kubeflow and Google Cloud too, which takes 3 seconds."""
    executors = sorted(path.parent.name for path in ROOT.glob("components/*/executor.py"))
    assert "text_example_gen" in executors
    modules = ["tfx_lm.pipelines.nodes.node_command", "tfx_lm.pipelines.local.local_plan"]
    modules += [f"tfx_lm.components.{name}.executor" for name in executors]
    assert not imported_modules(*modules) & {"tfx.v1", "kfp", "google.cloud.aiplatform"}
