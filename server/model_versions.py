"""Model versions: the newest that can be loaded is served, and replaced while requests are answered."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

from ..exported.exported_model import versions_to_serve
from ..exported.versions import version_stamp
from .freed_memory import give_back_freed_memory
from .options import WatchOptions
from .served_model import ServedModel

_log = logging.getLogger(__name__)

_WATCH = WatchOptions()
# Seconds until a version that could not be loaded is tried again, though its files are the same: the cause may have
# been another one, such as too many open files. Doubled each time, up to the second number.
_RETRY_SECONDS, _MOST_RETRY_SECONDS = 30.0, 3600.0
# Characters of a reason that are logged.
_REASON = 600
# Seconds that `close` waits for a look at the folder. To load a model takes longer, and the end does not wait for it.
_CLOSE_SECONDS = 1.0

_Stamp = frozenset[tuple[str, int, int]]
# The stamp of a version that the system does not let us read.
_UNREADABLE: _Stamp = frozenset({("", -1, -1)})


@dataclasses.dataclass
class _Failure:
    """A version that could not be loaded.

    Attributes:
        stamp: The state of its files then.
        again: The time (`time.monotonic`) from which it is tried again.
        seconds: The time between two tries.
        reason: Why.
    """

    stamp: _Stamp
    again: float
    seconds: float
    reason: str


class ModelVersions:
    """Watches a folder of versions, or serves one version's own folder.

    A new version is loaded and warmed up beside the old one. Then new requests use the new one, and running requests
    end with the old one. If the newest version disappears (a rollback), the previous one is served again.

    A version that cannot be read or loaded is passed over, logged, and tried again when its files have changed, or
    later. A version is only taken when its files were the same at two looks, since it may be a copy under way; if the
    files of the served version change, it is loaded again; what was loaded stays if they are damaged or unreadable.

    Loaded objects are excluded from Python's garbage collection. TensorFlow and a model are a million objects; a full
    collection, one in about 3,000 requests, would visit them all and delay every waiting request by 0.15 s.

    Args:
        path: The folder.
        poll_seconds: Seconds between two looks at the folder, at most a day.
        on_change: Called with each version that is served from now on.
        on_failure: Called with the folder of each version that could not be read or loaded, at each try.
        on_poll_failure: Called each time the folder could not be read.

    Attributes:
        current: The model that is served. To call it, take it from `in_use`.

    Raises:
        ValueError: If there is no version, none can be loaded, or `poll_seconds` is out of range.
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
        self._failures: dict[str, _Failure] = {}
        # The version whose files were seen at the last look, and are to be the same at the next.
        self._settling: tuple[str, _Stamp] | None = None
        self._served, self.current = self._load_first()
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
        """Stops watching. A version that is just being loaded is not waited for, and not served any more."""
        with self._exchanging:
            self._stop.set()
        self._thread.join(_CLOSE_SECONDS)

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

    def _load_first(self) -> tuple[tuple[str, _Stamp], ServedModel]:
        """Loads the newest version that can be loaded; returns its folder, the state of its files, and the model."""
        folders = versions_to_serve(self._path)
        for folder in folders:
            stamp = _stamp(folder)
            model = self._load(folder, stamp)
            if model is not None:
                for other in folders[: folders.index(folder)]:
                    _log.warning("%s; version %d is served", self._failures[other].reason, model.version)
                return (folder, stamp), model
        others = f" ({len(folders) - 1} older versions cannot be loaded either)" if len(folders) > 1 else ""
        raise ValueError(self._failures[folders[0]].reason + others)

    def _take_newest(self) -> None:
        """Serves the newest version that can be loaded from now on, if it is another one, or its files have changed."""
        folders = versions_to_serve(self._path)
        self._failures = {folder: failure for folder, failure in self._failures.items() if folder in folders}
        if self._served[0] in folders:
            # An older one would be a step back, even if the files of the served one are damaged now.
            folders = folders[: folders.index(self._served[0]) + 1]
        for folder in folders:
            stamp = _stamp(folder)
            if (folder, stamp) == self._served:
                break
            failure = self._failures.get(folder)
            if failure and failure.stamp == stamp and time.monotonic() < failure.again:
                continue
            if (folder, stamp) != self._settling:
                self._settling = (folder, stamp)
                return
            model = self._load(folder, stamp)
            if model is None:
                if failure is None or failure.reason != self._failures[folder].reason:
                    reason = self._failures[folder].reason
                    _log.warning("%s; version %d is served on", reason, self.current.version)
            elif _stamp(folder) == stamp:
                with self._exchanging:
                    if self._stop.is_set():
                        return
                    self._retired.append(self.current)
                    self.current = model
                self._served = (folder, stamp)
                self._on_change(model)
                break
            else:
                # Files have changed while they were read.
                self._retired.append(model)
                return
        self._settling = None

    def _load(self, folder: str, stamp: _Stamp) -> ServedModel | None:
        """Loads a version; returns None, and records the failure, if it cannot be loaded."""
        try:
            model = ServedModel(folder)
        except Exception as error:  # A damaged model may raise anything.
            said = (
                str(error) if isinstance(error, ValueError) else f"cannot be loaded ({type(error).__name__}: {error})"
            )
            said = " ".join(said.split())
            reason = said if folder in said else f"{folder}: {said}"
            before = self._failures.get(folder)
            seconds = _RETRY_SECONDS
            if before and before.stamp == stamp:
                seconds = min(2 * before.seconds, _MOST_RETRY_SECONDS)
            self._failures[folder] = _Failure(stamp, time.monotonic() + seconds, seconds, reason[:_REASON])
            _log.debug("%s", reason, exc_info=error)
            self._on_failure(folder)
            return None
        self._failures.pop(folder, None)
        return model

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
            give_back_freed_memory()


def _stamp(folder: str) -> _Stamp:
    try:
        return version_stamp(folder)
    except (OSError, tf.errors.OpError):  # The same tells `_load` why, if it still holds.
        return _UNREADABLE
