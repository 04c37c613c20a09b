"""What touches private parts of TensorFlow Transform: its graphs, in workers of a cluster that has lost another one.

One step of TensorFlow Transform writes a graph to a new folder, and a later one loads it, once in each worker: told of
another folder, it fails with an AssertionError without a text. But Flink and Spark do the first step again if what it
returned is lost with a worker, and then the workers that are left have the graph of the first folder.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from tensorflow_transform.beam import impl

# A private class; it is the same in TensorFlow Transform 1.16 and 1.21.
_APPLY = impl._RunMetaGraphDoFn
Process = Callable[[Any, Any, str], Iterator[Any]]


def load_graphs_again() -> None:
    """Makes TensorFlow Transform load a graph that was written again; a second call changes nothing."""
    if not hasattr(_APPLY.process, "__wrapped__"):
        _APPLY.process = loading_again(_APPLY.process)  # type: ignore[method-assign]


def loading_again(process: Process) -> Process:
    """Returns the same method; it loads the graph of the folder that it is told of.

    Args:
        process: TensorFlow Transform's: applies the graph of a folder to a batch.
    """

    @functools.wraps(process)
    def again(self: Any, batch: Any, saved_model_dir: str) -> Iterator[Any]:
        state = getattr(self, "_graph_state", None)
        if state is None or state.saved_model_dir != saved_model_dir:
            # With a tag, what the others of this worker share is loaded again, too.
            self._graph_state = self._shared_graph_state_handle.acquire(
                lambda: self._make_graph_state(saved_model_dir), tag=saved_model_dir
            )
        return process(self, batch, saved_model_dir)

    return again
