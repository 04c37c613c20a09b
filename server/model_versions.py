"""Which version is served: always the newest complete one, exchanged while requests go on."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Callable

from ..exported.exported_model import newest_version
from .served_model import ServedModel

_log = logging.getLogger(__name__)

MOST_POLL_SECONDS = 86_400.0


class ModelVersions:
    """Watches a folder of versions, or serves one version's own folder.

    A new version is loaded and warmed up beside the old one; then requests that arrive go to the new one, and those
    that are under way end with the old one. A version that cannot be loaded is passed over, once, and said so. Where
    the newest version disappears (a rollback), the one before is served again.

    Python's garbage collector passes over what is loaded. TensorFlow and a model are a million objects, which a full
    collection, one in about 3,000 requests, would look at while all of them wait for 0.15 s.

    Args:
        path: The folder.
        poll_seconds: How often the folder is looked at, at least once a day.
        on_change: Told of each version that is served from now on.
        on_failure: Told of each version that could not be loaded.
        on_poll_failure: Told of each look at the folder that failed.

    Attributes:
        current: What is served.

    Raises:
        ValueError: If there is no version, the newest cannot be loaded, or `poll_seconds` is out of range.
    """

    def __init__(
        self,
        path: str,
        poll_seconds: float = 1.0,
        on_change: Callable[[ServedModel], None] = lambda model: None,
        on_failure: Callable[[str], None] = lambda folder: None,
        on_poll_failure: Callable[[], None] = lambda: None,
    ):
        if not 0 < poll_seconds <= MOST_POLL_SECONDS:
            raise ValueError(
                f"poll_seconds={poll_seconds}: must be above 0 and at most {MOST_POLL_SECONDS:.0f} (a day)"
            )
        self._path = path
        self._poll_seconds = poll_seconds
        self._on_change = on_change
        self._on_failure = on_failure
        self._on_poll_failure = on_poll_failure
        self._stop = threading.Event()
        self._folder = newest_version(path)
        self.current = ServedModel(self._folder)
        on_change(self.current)
        self._retired: list[ServedModel] = []
        gc.collect()
        gc.freeze()
        self._thread = threading.Thread(target=self._watch, name="model versions", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        said = ""
        while not self._stop.wait(self._poll_seconds):
            try:
                self._forget_retired()
                self._take_newest()
            except Exception as error:  # Such as a file system that does not answer; the next look may go well.
                self._on_poll_failure()
                if str(error) != said:  # Not with every look.
                    said = str(error)
                    _log.warning("cannot look for a new version (%s); version %d stays", said, self.current.version)
            else:
                said = ""

    def _take_newest(self) -> None:
        """Loads the newest version, where it is another one, and serves it from then on."""
        folder = newest_version(self._path)
        if folder == self._folder:
            return
        self._folder = folder
        try:
            model = ServedModel(folder)
        except Exception:  # Whatever a damaged model raises, the old one goes on.
            _log.exception("%s: cannot be loaded; version %d is served on", folder, self.current.version)
            self._on_failure(folder)
        else:
            self._retired.append(self.current)
            self.current = model
            self._on_change(model)

    def _forget_retired(self) -> None:
        """Frees the versions before, each once its last request is answered."""
        # Three references: the list's, the variable's and the argument. The last one goes here and not with a request,
        # whose thread might be in the middle of freeing when this one collects what is left: that would then be passed
        # over for ever.
        in_use = [model for model in self._retired if sys.getrefcount(model) > 3]
        if len(in_use) < len(self._retired):
            self._retired = in_use
            gc.unfreeze()
            gc.collect()
            gc.freeze()
