"""Which version is served: always the newest complete one, exchanged while requests go on."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable

from ..serving.saved_model import newest_version
from .served_model import ServedModel

_log = logging.getLogger(__name__)


class ModelVersions:
    """Watches a folder of versions, or serves one version's own folder.

    A new version is loaded and warmed up beside the old one; then requests that arrive go to the new one, and those
    that are under way end with the old one. A version that cannot be loaded is passed over, once, and said so. Where
    the newest version disappears (a rollback), the one before is served again.

    Python's garbage collector passes over what is loaded. TensorFlow and a model are a million objects, which a full
    collection, one in about 3,000 requests, would look at while all of them wait for 0.15 s.

    Args:
        path: The folder.
        poll_seconds: How often the folder is looked at.
        on_change: Told of each version that is served from now on.
        on_failure: Told of each version that could not be loaded.

    Attributes:
        current: What is served.

    Raises:
        ValueError: If there is no version, or the newest cannot be loaded.
    """

    def __init__(
        self,
        path: str,
        poll_seconds: float = 1.0,
        on_change: Callable[[ServedModel], None] = lambda model: None,
        on_failure: Callable[[str], None] = lambda folder: None,
    ):
        self._path = path
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._folder = newest_version(path)
        self.current = ServedModel(self._folder)
        on_change(self.current)
        self._retired: ServedModel | None = None
        gc.collect()
        gc.freeze()
        self._thread = threading.Thread(target=self._watch, name="model versions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            self._forget_retired()
            try:
                folder = newest_version(self._path)
            except (ValueError, OSError) as error:
                # Nothing to load at the moment; what is loaded goes on.
                _log.debug("%s: %s", self._path, error)
                continue
            if folder == self._folder:
                continue
            self._folder = folder
            try:
                model = ServedModel(folder)
            except Exception:  # Whatever a damaged model raises, the old one goes on.
                _log.exception("%s: cannot be loaded; version %d is served on", folder, self.current.version)
                self._on_failure(folder)
            else:
                self._retired = self.current
                self.current = model
                del model
                self._on_change(self.current)

    def _forget_retired(self) -> None:
        """Frees the version before, once its last request is answered."""
        # Two references, ours and the argument. The last one goes here and not with a request, whose thread might be
        # in the middle of freeing when this one collects what is left: that would then be passed over for ever.
        if self._retired is not None and sys.getrefcount(self._retired) <= 2:
            self._retired = None
            gc.unfreeze()
            gc.collect()
            gc.freeze()
