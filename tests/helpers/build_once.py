"""Costly things that tests only read (a trained model, a saved table model), built once for all worker processes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.locks import locked


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, request) -> Path:
    """A folder that all workers of this test run have in common, and no other test run."""
    folder = tmp_path_factory.getbasetemp()
    # A worker's own folder lies in that of the test run.
    shared = (folder.parent if hasattr(request.config, "workerinput") else folder) / "shared"
    shared.mkdir(exist_ok=True)
    return shared


@pytest.fixture(scope="session")
def build_once(shared_folder) -> Callable[[str, Callable[[Path], object]], Path]:
    """A function that returns the folder `name`, which `build` fills on the first call of the first worker."""

    def built(name: str, build: Callable[[Path], object]) -> Path:
        folder, done = shared_folder / name, shared_folder / f"{name}.done"
        with locked(shared_folder / f"{name}.lock"):
            if not done.exists():
                # What a failed build of another worker has left.
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                build(folder)
                done.touch()
        return folder

    return built
