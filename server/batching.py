"""Micro-batching: requests that wait at the same time go through the model together, grouped by length."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import logging
import threading
from collections.abc import Callable, Hashable
from typing import cast

import numpy as np

from ..exported.batches import MAX_PADDED_BYTES, batches_by_length
from ..exported.signatures import NEXT_WORDS
from .padding import Outputs, find_padding
from .predict_request import IDS, K, PredictRequest
from .request_error import RequestError
from .served_model import ServedModel

_log = logging.getLogger(__name__)

# Whole words of pieces are searched for row by row, with a dozen calls of the model each, and other requests wait.
_SEARCHED_ROWS = 8
# Ids that hold as much memory as the token of a byte at most: only the last id of a row has logits.
_IDS_OF_A_BYTE = 4


@dataclasses.dataclass
class _Job:
    """A request that waits or is being answered.

    Attributes:
        model: The model that answers.
        request: The request.
        future: Its outputs or its error.
        loop: The event loop of `future`.
        outputs: The outputs of each row, None until they are known.
        missing: The number of rows without outputs.
        unfinished: The number of rows whose call of the model has not ended.
        use: Keeps the model loaded until `unfinished` is 0, also if the client goes away.
    """

    model: ServedModel
    request: PredictRequest
    future: asyncio.Future[Outputs]
    loop: asyncio.AbstractEventLoop
    outputs: list[Outputs | None]
    missing: int
    unfinished: int
    use: contextlib.ExitStack

    def key(self) -> Hashable:
        """Returns the key of requests that can share a call: the sizes of a row, and the number of proposed words."""
        inputs = self.request.inputs
        shapes = tuple(
            # A call proposes the largest k of its rows for all of them, which would slow down those with a smaller one.
            int(inputs[name].max()) if name == K else inputs[name].shape[1:]
            for name in self.model.inputs[self.request.signature]
        )
        return id(self.model), self.request.signature, shapes

    def sizes(self) -> list[int]:
        """Returns the bytes of each row's strings, a bound on its tokens, or its proposed words if they are more.

        Of a row without strings it is a quarter of its ids, as `step` takes them. A row whose proposed words are
        searched for among pieces counts as an eighth of a call.
        """
        inputs, rows = self.request.inputs, self.request.rows
        texts = [array for array in inputs.values() if array.ndim == 1 and array.dtype == object]
        next_word = self.request.signature in NEXT_WORDS
        words = int(inputs[K].max()) if next_word and K in inputs else 1
        if next_word and self.model.proposes_pieces:
            words = max(words, MAX_PADDED_BYTES // _SEARCHED_ROWS)
        if not texts:
            return [max(1, inputs[IDS].shape[1] // _IDS_OF_A_BYTE) if IDS in inputs else 1] * rows
        # Of a text and its context, the model reads both.
        return [max(sum(map(len, row)), words) for row in zip(*texts, strict=True)]


class Batcher:
    """Answers requests in batches.

    There is no delay: a call takes all rows that arrived during the previous calls. So the requests of a single
    client are answered alone and at once, and those of many clients in batches that grow with the load. The rows of a
    long request are spread over several calls of bounded size, with other rows of similar length.

    Args:
        max_waiting_rows: Most rows that wait; beyond it, requests are refused.
        on_batch: Called with the number of rows of each call.
    """

    def __init__(self, max_waiting_rows: int, on_batch: Callable[[int], None] = lambda rows: None):
        self._max_waiting_rows = max_waiting_rows
        self._on_batch = on_batch
        self._waiting: list[_Job] = []
        self._waiting_rows = 0
        self._batches: collections.deque[list[tuple[_Job, int]]] = collections.deque()
        self._changed = threading.Condition()
        self._closed = False
        # One thread: a call uses all cores, and fewer calls have larger batches. With two threads, a request of
        # 64 clients took a fifth more processor time.
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)
        self._thread.start()

    @property
    def waiting_rows(self) -> int:
        """The number of rows that are in no call yet."""
        return self._waiting_rows

    async def run(self, model: ServedModel, request: PredictRequest) -> Outputs:
        """Answers a request.

        Args:
            model: The model that answers; the caller has it `in_use`.
            request: A request for a signature of the model.

        Returns:
            The outputs by name, [rows, ...]. Padded outputs have the length of the request's longest row, as in a call
            of its own.

        Raises:
            RequestError: With status 429 if too many rows wait, with 400 if the model refuses the inputs, with 503
                after `close`.
        """
        loop = asyncio.get_running_loop()
        use = contextlib.ExitStack()
        outputs: list[Outputs | None] = [None] * request.rows
        job = _Job(model, request, loop.create_future(), loop, outputs, request.rows, request.rows, use)
        with self._changed:
            if self._closed:
                raise _ending()
            if self._waiting_rows + request.rows > self._max_waiting_rows:
                raise RequestError(429, f"{self._waiting_rows} rows wait for the model already; try again later")
            use.enter_context(model.in_use())
            self._waiting.append(job)
            self._waiting_rows += request.rows
            self._changed.notify()
        try:
            return await job.future
        finally:
            # The reference cycle of `_fail`: the future holds the error, and the error this frame.
            del job

    def close(self) -> None:
        """Ends the thread after its current call; waiting requests are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()
        left = self._waiting + [job for batch in self._batches for job, _ in batch]
        self._waiting, self._waiting_rows = [], 0
        self._batches.clear()
        # Without the answered ones, whose event loops may be closed.
        _fail([job for job in left if not job.future.done()], _ending())
        for job in left:
            job.use.close()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._batches or self._waiting or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                if not self._batches:
                    self._batches.extend(_batches(self._waiting))
                    self._waiting = []
                batch = self._batches.popleft()
                self._waiting_rows -= len(batch)
            # A request that was cancelled or is past its deadline needs no outputs.
            wanted = [(job, row) for job, row in batch if not job.future.cancelled()]
            if wanted:
                self._on_batch(len(wanted))
                try:
                    _answer(wanted)
                except Exception as error:  # The thread must go on for later requests.
                    _log.exception("a batch failed")
                    _fail([job for job, _ in wanted], error)
            for job, _ in batch:
                job.unfinished -= 1
                if not job.unfinished:
                    job.use.close()
            # While it waits, the thread must hold no references to the last requests.
            del batch, wanted, job


def _batches(jobs: list[_Job]) -> list[list[tuple[_Job, int]]]:
    """Groups rows of equal keys and similar length."""
    groups: dict[Hashable, list[tuple[_Job, int]]] = {}
    sizes: dict[Hashable, list[int]] = {}
    for job in jobs:
        key = job.key()
        groups.setdefault(key, []).extend((job, row) for row in range(job.request.rows))
        sizes.setdefault(key, []).extend(job.sizes())
    return [[rows[index] for index in batch] for key, rows in groups.items() for batch in batches_by_length(sizes[key])]


def _answer(batch: list[tuple[_Job, int]]) -> None:
    """Calls the model and gives its outputs to the requests."""
    jobs = list({id(job): job for job, _ in batch}.values())
    try:
        outputs = _call(batch)
    except Exception as error:
        if len(jobs) > 1:
            # Only the request with the bad inputs may fail.
            for job in jobs:
                _answer([(other, row) for other, row in batch if other is job])
            return
        if not isinstance(error, RequestError):
            _log.exception("%s failed", jobs[0].request.signature)
        _fail(jobs, error)
        return
    padding = find_padding(outputs, _words(batch))
    for position, (job, row) in enumerate(batch):
        job.outputs[row] = padding.row(outputs, position)
        job.missing -= 1
    _finish(
        [job for job in jobs if not job.missing],
        lambda job: job.future.set_result(padding.stacked(cast(list[Outputs], job.outputs))),
    )


def _words(batch: list[tuple[_Job, int]]) -> np.ndarray | None:
    """Returns the number of words that `next_word` proposes for each row; None if it is not given for each row."""
    first = batch[0][0].request
    if first.signature in NEXT_WORDS and first.inputs[K].ndim:
        return np.array([job.request.inputs[K][row] for job, row in batch])
    return None


def _call(batch: list[tuple[_Job, int]]) -> Outputs:
    first = batch[0][0]
    inputs = {}
    for name, array in first.request.inputs.items():
        if array.ndim:
            rows = [job.request.inputs[name][row] for job, row in batch]
            array = np.array(rows, array.dtype)
        inputs[name] = array
    return first.model.call(first.request.signature, inputs)


def _ending() -> RequestError:
    return RequestError(503, "the server is ending; ask it again once it is back, or another one")


def _fail(jobs: list[_Job], error: Exception) -> None:
    # The futures hold the error, and its frames would hold the jobs and the loaded model: a reference cycle that keeps
    # the model in memory until the next garbage collection.
    error.__traceback__ = error.__context__ = error.__cause__ = None
    _finish(jobs, lambda job: job.future.set_exception(error))


def _finish(jobs: list[_Job], set_outcome: Callable[[_Job], None]) -> None:
    """Sets the outcomes of requests with one callback for each event loop."""

    def finish(of_loop: list[_Job]) -> None:
        for job in of_loop:
            if not job.future.done():  # The client may have disconnected.
                set_outcome(job)

    for loop in {job.loop for job in jobs}:
        loop.call_soon_threadsafe(finish, [job for job in jobs if job.loop is loop])
