"""docs/stability.md says what is public: it must be what the code has."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest
import tfx_lm
from tfx.components import CsvExampleGen
from tfx.orchestration.pipeline import Pipeline
from tfx_lm import components, exit_codes
from tfx_lm.pipelines.config import load_config
from tfx_lm.pipelines.nodes import compiled_pipeline
from tfx_lm.pipelines.results import collect, summary

ROOT = Path(tfx_lm.__file__).resolve().parent
PAGE = (ROOT / "docs" / "stability.md").read_text(encoding="utf-8")
SIGNATURES = (ROOT / "docs" / "reference" / "signatures.md").read_text(encoding="utf-8")


def rows(page: str, first: str) -> list[list[str]]:
    """The cells of the table whose first column is called `first`, row by row."""
    (table,) = re.findall(rf"^\| {first} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", page, flags=re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize(
    ("package", "names"), [(code(package)[0], code(names)) for package, names in rows(PAGE, "Package")]
)
def test_public_names(package, names):
    assert names == importlib.import_module(package).__all__


def test_every_package_with_public_names_is_listed():
    rooms = [path.parent for path in ROOT.glob("[a-z]*/__init__.py")]
    declares = [path for room in rooms for path in room.rglob("__init__.py") if "__all__" in path.read_text()]
    packages = {".".join(["tfx_lm", *path.relative_to(ROOT).parts[:-1]]) for path in declares}
    assert packages == {code(package)[0] for package, _ in rows(PAGE, "Package")}


def test_functions_that_tfx_takes_by_their_path():
    (sentence,) = re.findall(r"These paths stay: (.*?)\.\s", PAGE, flags=re.DOTALL)
    for path in code(sentence):
        module, _, name = path.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_module_that_tfx_takes_by_its_path():
    (name,) = re.findall(r"So does the module `(.*?)`", PAGE)
    assert callable(importlib.import_module(name).custom_extractors)


def test_examples_import_public_names_alone():
    public = {code(package)[0]: code(names) for package, names in rows(PAGE, "Package")}
    found = 0
    for folder in ("docs", *(package.partition(".")[2].replace(".", "/") for package in public)):
        for page in [ROOT / "README.md", *(ROOT / folder).rglob("*.md")]:
            blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
            for node in (node for block in blocks for node in ast.walk(ast.parse(block))):
                if isinstance(node, ast.ImportFrom) and node.module.startswith("tfx_lm"):
                    assert {name.name for name in node.names} <= set(public.get(node.module, [])), page
                    found += 1
                assert not isinstance(node, ast.Import) or "tfx_lm" not in ast.unparse(node), page
    assert found > 20


def test_type_names():
    table = {code(name)[0]: code(type_name)[0] for name, type_name, _ in rows(PAGE, "Component")}
    classes = {name: getattr(components, name) for name in components.__all__ if name[0].isupper()}
    assert table == {name: component.get_class_type() for name, component in classes.items()}


def test_files(tmp_path):
    files = {code(name)[0]: code(keys) for name, keys in rows(PAGE, "File")}
    config = load_config(None, ["gate.max_perplexity=100"])

    class Nothing:
        def output(self, node_id, key):
            return None

    pipeline = Pipeline("my-model", str(tmp_path), components=[CsvExampleGen(str(tmp_path))])
    compiled_pipeline.write_compiled(compiled_pipeline.compile_pipeline(pipeline), tmp_path / "my.json")
    assert files[".dag.json"] == list(json.loads((tmp_path / "my.dag.json").read_text()))
    assert files["summary.json"] == list(collect.collect_summary(config, "run", [], Nothing()))
    assert (summary.SCHEMA, compiled_pipeline.DAG_SCHEMA) == (1, 1)


def test_exit_codes():
    known = {value for name, value in vars(exit_codes).items() if name.isupper()}
    assert {int(number) for number, _ in rows(PAGE, "Code")} == {0, *known}


def test_python_and_tfx():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert [tfx for _, tfx in rows(PAGE, "Python")] == re.findall(r'f"tfx==([\d.]+); ', setup)
    assert 'requires-python = ">=3.10,<3.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [python for python, _ in rows(PAGE, "Python")] == ["3.10", "3.11 to 3.13"]


@pytest.mark.slow
def test_signatures(trained):
    """The names of inputs and outputs, of a model that was trained and exported."""
    import tensorflow as tf

    model = tf.saved_model.load(trained.serving_model_dir)
    table = {code(name)[0]: (code(inputs), code(outputs)) for name, inputs, outputs in rows(SIGNATURES, "signature")}
    assert sorted(table) == sorted(model.signatures)
    for name, (inputs, outputs) in table.items():
        signature = model.signatures[name]
        assert set(signature.structured_input_signature[1]) <= set(inputs)
        named = {output for output in outputs if not output.startswith("[")} - {"evaluate"}
        assert named <= set(signature.structured_outputs)
        if "evaluate" in outputs:
            named |= set(model.signatures["evaluate"].structured_outputs)
        assert named == set(signature.structured_outputs)
