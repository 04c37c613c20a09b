"""Writes a software bill of materials (CycloneDX) for each stack: what `uv.lock` installs with the extras of a user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from tfx_lm import __version__

ROOT = Path(__file__).resolve().parents[1]
# The newest Python of each stack, by the stack's name.
STACKS = {"tfx-1.16": "3.10", "tfx-1.21": "3.13"}
_MARKER = "uv:package:marker"


def main(uv: str, folder: str) -> None:
    """Writes `tfx-lm-STACK.cdx.json` for each stack.

    Args:
        uv: The program uv, which reads the lock; nothing is downloaded or installed.
        folder: The folder to write into.
    """
    command = [
        uv,
        "export",
        "--quiet",
        "--frozen",
        "--format",
        "cyclonedx1.5",
        "--extra",
        "kubeflow",
        "--extra",
        "serve",
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for stack, python in STACKS.items():
        file = Path(folder, f"tfx-lm-{stack}.cdx.json")
        file.write_text(json.dumps(of_stack(json.loads(done.stdout), python), indent=1) + "\n", encoding="utf-8")
        print(file)


def of_stack(bill: dict[str, Any], python: str) -> dict[str, Any]:
    """Keeps the packages that are installed on Linux (x86-64) with one Python.

    Args:
        bill: CycloneDX as uv writes it: all packages of the lock, each with the marker of where it is installed.
        python: The Python, such as `3.10`.
    """
    environment = {
        "implementation_name": "cpython", "os_name": "posix", "platform_machine": "x86_64",
        "platform_python_implementation": "CPython", "platform_system": "Linux", "python_full_version": f"{python}.0",
        "python_version": python, "sys_platform": "linux",
    }  # fmt: skip

    def installed(component: dict[str, Any]) -> bool:
        markers = [item["value"] for item in component.get("properties", ()) if item["name"] == _MARKER]
        return all(Marker(marker).evaluate(environment) for marker in markers)

    project = {**bill["metadata"]["component"], "version": __version__}
    components = [component for component in bill["components"] if installed(component)]
    known = {component["bom-ref"] for component in (project, *components)}
    dependencies = [
        {**item, "dependsOn": [name for name in item.get("dependsOn", ()) if name in known]}
        for item in bill["dependencies"]
        if item["ref"] in known
    ]
    metadata = {**bill["metadata"], "component": project}
    return {**bill, "metadata": metadata, "components": components, "dependencies": dependencies}


if __name__ == "__main__":
    main(*sys.argv[1:])
