"""TensorFlow Transform loads a graph that was written again to another folder."""

import pytest
from apache_beam.utils import shared
from tensorflow_transform.beam import impl
from tfx_lm.pipelines.beam.compat import load_graphs_again, loading_again

# TensorFlow Transform's own method, whether or not another test has replaced it.
PLAIN = getattr(impl._RunMetaGraphDoFn.process, "__wrapped__", impl._RunMetaGraphDoFn.process)


class Graph:
    """What a folder holds."""

    def __init__(self, folder):
        self.saved_model_dir = folder


class Worker:
    """Several DoFns of one worker, which share a graph.

    Attributes:
        loaded: The folders whose graphs were loaded.
    """

    def __init__(self):
        self.loaded = []
        self._shared = shared.Shared()

    def load(self, folder):
        self.loaded.append(folder)
        return Graph(folder)

    def dofn(self):
        made = impl._RunMetaGraphDoFn.__new__(impl._RunMetaGraphDoFn)
        made._shared_graph_state_handle = self._shared
        made._make_graph_state = self.load
        made._handle_batch = lambda batch: (batch, made._graph_state.saved_model_dir)
        return made


def test_without_it_the_same_worker_fails():
    worker = Worker()
    dofn = worker.dofn()
    assert list(PLAIN(dofn, 1, "first")) == [(1, "first")]
    for other in (dofn, worker.dofn()):
        with pytest.raises(AssertionError):
            list(PLAIN(other, 2, "second"))


def test_a_graph_is_loaded_again_once_and_shared():
    worker = Worker()
    process = loading_again(PLAIN)
    dofns = [worker.dofn(), worker.dofn()]
    for folder in ("first", "second"):
        for batch in (1, 2):
            assert [list(process(dofn, batch, folder)) for dofn in dofns] == [[(batch, folder)]] * 2
    assert list(process(worker.dofn(), 3, "second")) == [(3, "second")]
    assert worker.loaded == ["first", "second"]


def test_tensorflow_transform_itself_does(monkeypatch):
    monkeypatch.setattr(impl._RunMetaGraphDoFn, "process", PLAIN)
    load_graphs_again()
    replaced = impl._RunMetaGraphDoFn.process
    load_graphs_again()
    assert impl._RunMetaGraphDoFn.process is replaced
    dofn = Worker().dofn()
    assert list(dofn.process(1, "first")) + list(dofn.process(2, "second")) == [(1, "first"), (2, "second")]
