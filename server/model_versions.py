"""Model versions: the server uses the newest complete one, and replaces it while it answers requests."""

from __future__ import annotations

import contextlib
import gc
import logging
import threading
from collections.abc import Callable, Iterator

from ..exported.exported_model import newest_version
from .options import WatchOptions
from .served_model import ServedModel

_log = logging.getLogger(__name__)

_WATCH = WatchOptions()


class ModelVersions:
    """Watches a folder of versions, or serves one version's own folder.

    A new version is loaded and warmed up beside the old one. Then new requests use the new one, and running requests
    end with the old one. A version that cannot be loaded is skipped and logged once. If the newest version disappears
    (a rollback), the previous one is served again.

    Loaded objects are excluded from Python's garbage collection. TensorFlow and a model are a million objects; a full
    collection, one in about 3,000 requests, would visit them all and delay every waiting request by 0.15 s.

    Args:
        path: The folder.
        poll_seconds: Seconds between two looks at the folder, at most a day.
        on_change: Called with each version that is served from now on.
        on_failure: Called with the folder of each version that could not be loaded.
        on_poll_failure: Called each time the folder could not be read.

    Attributes:
        current: The model that is served. To call it, take it from `in_use`.

    Raises:
        ValueError: If there is no version, the newest cannot be loaded, or `poll_seconds` is out of range.
    """

    def __init__(
        self,
        path: str,
        poll_seconds: float = _WATCH.poll_seconds,
        on_change: Callable[[ServedModel], None] = lambda model: None,
        on_failure: Callable[[str], None] = lambda folder: None,
        on_poll_failure: Callable[[], None] = lambda: None,
    ):
        WatchOptions.parse({"poll_seconds": poll_seconds})
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
        self._exchanging = threading.Lock()
        gc.collect()
        gc.freeze()
        self._thread = threading.Thread(target=self._watch, name="model versions", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[ServedModel]:
        """Yields the model that is served now, and keeps it loaded until the block ends."""
        with contextlib.ExitStack() as use:
            # Locked, so that the model is not retired and unloaded before its use is counted.
            with self._exchanging:
                model = self.current
                use.enter_context(model.in_use())
            yield model

    def close(self) -> None:
        """Stops watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        logged = ""
        while not self._stop.wait(self._poll_seconds):
            try:
                self._unload_retired()
                self._take_newest()
            except Exception as error:  # For example a file system that does not answer; the next look may succeed.
                self._on_poll_failure()
                if str(error) != logged:  # Not again at every look.
                    logged = str(error)
                    _log.warning("cannot look for a new version (%s); version %d stays", logged, self.current.version)
            else:
                logged = ""

    def _take_newest(self) -> None:
        """Loads the newest version, if it is another one, and serves it from then on."""
        folder = newest_version(self._path)
        if folder == self._folder:
            return
        self._folder = folder
        try:
            model = ServedModel(folder)
        except Exception:  # A damaged model may raise anything; the old version is served on.
            _log.exception("%s: cannot be loaded; version %d is served on", folder, self.current.version)
            self._on_failure(folder)
        else:
            with self._exchanging:
                self._retired.append(self.current)
                self.current = model
            self._on_change(model)

    def _unload_retired(self) -> None:
        """Frees old versions, each after its last use."""
        # A retired model gets no new users, so a count of 0 is final. The model is freed here and not by its last
        # request, since a collection must find all its objects before the next `gc.freeze` excludes them for ever.
        unused = [model for model in self._retired if not model.users]
        for model in unused:
            model.unload()
            self._retired.remove(model)
        if unused:
            gc.unfreeze()
            gc.collect()
            gc.freeze()
