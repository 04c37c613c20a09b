"""The bills of materials that `make sbom` writes."""

import json
import runpy
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bills(uv, tmp_path_factory):
    uv("--version")
    folder = tmp_path_factory.mktemp("sbom")
    program = shutil.which("uv") or ROOT / ".cache" / "uv" / "bin" / "uv"
    runpy.run_path(str(ROOT / ".ci" / "sbom.py"))["main"](str(program), str(folder))
    return {file.name: json.loads(file.read_text()) for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("tfx-1.16", {"tfx": "1.16.0", "apache-beam": "2.61.0", "protobuf": "3.20.3"}),
        ("tfx-1.21", {"tfx": "1.21.0", "apache-beam": "2.77.0", "protobuf": "6.33.6"}),
    ],
)
def test_a_stack_lists_what_it_installs(bills, stack, expected):
    bill = bills[f"tfx-lm-{stack}.cdx.json"]
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    versions = {component["name"]: component["version"] for component in bill["components"]}
    assert len(versions) == len(bill["components"]) > 150
    assert versions.items() >= expected.items()
    # The extras of users, not those of developers.
    assert {"starlette", "kfp"} <= versions.keys()
    assert not {"pytest", "ruff", "pywin32", "zizmor"} & versions.keys()


def test_each_package_has_an_address_a_hash_and_its_place(bills):
    assert len(bills) == 2
    for bill in bills.values():
        project = bill["metadata"]["component"]
        assert (project["name"], project["version"]) == ("tfx-lm", "0.1.0")
        references = {project["bom-ref"]}
        for component in bill["components"]:
            references.add(component["bom-ref"])
            assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
            assert all(source["hashes"] for source in component["externalReferences"])
        used = {name for item in bill["dependencies"] for name in (item["ref"], *item["dependsOn"])}
        assert used <= references
