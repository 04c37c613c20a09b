"""A pipeline of small nodes, compiled to a file, for everything that runs compiled pipelines."""

import importlib
import os
from pathlib import Path

import pytest

ON_PATH = Path(__file__).resolve().parent / "on_path"


@pytest.fixture(scope="session")
def small_nodes():
    """The module of the small nodes; also on the path of processes that are started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ON_PATH)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ON_PATH), os.environ.get("PYTHONPATH")])))
        yield importlib.import_module("small_nodes")


@pytest.fixture
def small_pipeline(small_nodes, tmp_path) -> Path:
    """The compiled pipeline's file; ML Metadata is `metadata.sqlite` beside it."""
    from tfx_lm.pipelines.metadata.metadata_store import connection_config
    from tfx_lm.pipelines.nodes.compiled_pipeline import compile_pipeline, write_compiled

    connection = connection_config(f"sqlite:///{tmp_path}/metadata.sqlite")
    file = tmp_path / "small.json"
    write_compiled(compile_pipeline(small_nodes.pipeline(tmp_path, connection)), file)
    return file
