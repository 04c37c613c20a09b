"""`.dockerignore` lets all code of the package into the image."""

import fnmatch
from pathlib import Path

import tfx_lm

CHECKOUT = Path(tfx_lm.__file__).parent


def test_the_image_gets_every_module_and_package():
    lines = (CHECKOUT / ".dockerignore").read_text().splitlines()
    # Everything is left out but what these let through.
    assert "*" in lines
    let_through = [line.removeprefix("!") for line in lines if line.startswith("!")]
    packages = [file.parent.name for file in CHECKOUT.glob("*/__init__.py")]
    code = {*(file.name for file in CHECKOUT.glob("*.py")), *packages} - {"benchmarks", "tests", "examples"}
    assert {"keras_backend.py", "home_folder.py", "cli", "transform"} <= code
    assert {name for name in code if not any(fnmatch.fnmatchcase(name, of) for of in let_through)} == set()
