import gc
import importlib.metadata
import sys
import weakref

import pytest
from tfx_lm.pipelines.uncollected import import_uncollected

MODULE = """
import gc
import importlib.metadata

installed = [importlib.metadata.packages_distributions() for _ in range(3)]

class Node:
    pass

within = gc.isenabled()
cycle = Node()
cycle.itself = cycle
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module that can be imported."""
    (tmp_path / "with_a_cycle.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "with_a_cycle"
    sys.modules.pop("with_a_cycle", None)
    gc.unfreeze()


@pytest.mark.slow
def test_no_garbage_is_collected_in_an_import_and_what_it_made_is_left_out_later(module):
    import_uncollected(module)
    imported = sys.modules[module]
    assert (imported.within, gc.isenabled()) == (False, True)
    gone = weakref.ref(imported.cycle)
    del imported.cycle
    gc.collect()
    assert gone() is not None
    gc.unfreeze()
    gc.collect()
    assert gone() is None


def test_what_has_been_imported_changes_nothing(module):
    import_uncollected(module)
    gc.unfreeze()
    import_uncollected(module)
    assert gc.get_freeze_count() == 0


def test_collections_stay_off_where_they_were(module):
    gc.disable()
    try:
        import_uncollected(module)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_collections_come_back_after_an_error():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_uncollected("no_such_module")
    assert gc.isenabled()
    gc.unfreeze()


def test_what_is_installed_is_read_once_for_an_import(module, monkeypatch):
    asked = []
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: asked.append(1) or {"a": ["b"]})
    before = importlib.metadata.packages_distributions
    import_uncollected(module)
    assert (sys.modules[module].installed, asked) == ([{"a": ["b"]}] * 3, [1])
    assert importlib.metadata.packages_distributions is before
