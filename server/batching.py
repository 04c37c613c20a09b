"""Micro-batching: requests that wait at the same time go through the model together, those of like length first."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from ..exported.batches import batches_by_length
from .limits import RequestError
from .rest_format import PredictRequest
from .served_model import ServedModel

_log = logging.getLogger(__name__)

Outputs = dict[str, np.ndarray]
# Calls of the model at the same time. Their operations use all cores, and with fewer calls the batches are larger: with
# two, a request of 64 clients took a fifth more processor time.
WORKERS = 1


@dataclasses.dataclass
class _Job:
    """A request on its way: its rows' outputs come in one by one."""

    model: ServedModel
    request: PredictRequest
    future: asyncio.Future[Outputs]
    loop: asyncio.AbstractEventLoop
    found: list[Outputs | None]
    missing: int

    def key(self) -> Hashable:
        """What requests must have in common to share a call: all that is not a row, and the sizes of a row."""
        specs = self.model.inputs[self.request.signature]
        shapes = tuple(
            array.item() if array.ndim == 0 else array.shape[1:]
            for array in (self.request.inputs[name] for name in specs)
        )
        return id(self.model), self.request.signature, shapes

    def sizes(self) -> list[int]:
        """The bytes of each row's strings, a bound on its tokens; 1 where there are none."""
        texts = [array for array in self.request.inputs.values() if array.ndim == 1 and array.dtype == object]
        return [len(text) for text in texts[0]] if texts else [1] * self.request.rows


class Batcher:
    """Answers requests in batches.

    Nothing waits for company: a call takes all that has come while the calls before were running, so that a single
    client's requests go through alone and at once, and many clients' in batches that grow with the load. A long
    request is not one call either: its rows go with others of like length, in calls of bounded size.

    Args:
        max_waiting_rows: Most rows that wait; beyond it, requests are refused.
        on_batch: Told the number of rows of each call.
        workers: Calls of the model at the same time.
    """

    def __init__(
        self, max_waiting_rows: int, on_batch: Callable[[int], None] = lambda rows: None, workers: int = WORKERS
    ):
        self._max_waiting_rows = max_waiting_rows
        self._on_batch = on_batch
        self._waiting: list[_Job] = []
        self._waiting_rows = 0
        self._batches: collections.deque[list[tuple[_Job, int]]] = collections.deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batches {number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting_rows(self) -> int:
        """Rows that no call has begun with."""
        return self._waiting_rows

    async def run(self, model: ServedModel, request: PredictRequest) -> Outputs:
        """Answers a request.

        Args:
            model: What answers.
            request: From `rest_format.parse`, for a signature of the model.

        Returns:
            The outputs by name, [rows, ...]; those that are padded are padded to the longest row of the request, as
            if it had gone alone.

        Raises:
            RequestError: With status 429 where too much waits, with 400 where the model refuses the inputs, with 503
                after `close`.
        """
        loop = asyncio.get_running_loop()
        job = _Job(model, request, loop.create_future(), loop, [None] * request.rows, request.rows)
        with self._changed:
            if self._closed:
                raise _ending()
            if self._waiting_rows + request.rows > self._max_waiting_rows:
                raise RequestError(429, f"{self._waiting_rows} rows wait for the model already; try again later")
            self._waiting.append(job)
            self._waiting_rows += request.rows
            self._changed.notify()
        try:
            return await job.future
        finally:
            # The same circle as in `_fail`: the future holds the error, which holds this frame.
            del job

    def close(self) -> None:
        """Ends the workers after the calls that are under way; requests that still wait are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        left = self._waiting + [job for batch in self._batches for job, _ in batch]
        self._waiting, self._waiting_rows = [], 0
        self._batches.clear()
        # The loops of those that are done may be closed.
        _fail([job for job in left if not job.future.done()], _ending())

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
                if self._batches:
                    self._changed.notify()
            self._on_batch(len(batch))
            try:
                _answer(batch)
            except Exception as error:  # Whatever happens to these requests, the next ones need this thread.
                _log.exception("a batch failed")
                _fail([job for job, _ in batch], error)
            # While this thread waits, the last requests' model may be replaced, and must not be held here.
            del batch


def _batches(jobs: list[_Job]) -> list[list[tuple[_Job, int]]]:
    """Puts rows of like requests and like length together."""
    groups: dict[Hashable, list[tuple[_Job, int]]] = {}
    sizes: dict[Hashable, list[int]] = {}
    for job in jobs:
        key = job.key()
        groups.setdefault(key, []).extend((job, row) for row in range(job.request.rows))
        sizes.setdefault(key, []).extend(job.sizes())
    return [[rows[index] for index in batch] for key, rows in groups.items() for batch in batches_by_length(sizes[key])]


def _answer(batch: list[tuple[_Job, int]]) -> None:
    """Calls the model and hands its outputs to the requests."""
    jobs = list({id(job): job for job, _ in batch}.values())
    try:
        outputs = _call(batch)
    except Exception as error:
        if len(jobs) > 1:
            # Only the request that is to blame may fail.
            for job in jobs:
                _answer([(other, row) for other, row in batch if other is job])
            return
        if not isinstance(error, RequestError):
            _log.exception("%s failed", jobs[0].request.signature)
        _fail(jobs, error)
        return
    lengths = outputs["mask"].sum(axis=1).astype(int) if "mask" in outputs else None
    padded = {name for name, array in outputs.items() if lengths is not None and array.shape == outputs["mask"].shape}
    for position, (job, row) in enumerate(batch):
        job.found[row] = {
            name: array[position, : lengths[position]] if name in padded and lengths is not None else array[position]
            for name, array in outputs.items()
        }
        job.missing -= 1
    _finish([job for job in jobs if not job.missing], lambda job: job.future.set_result(_together(job, padded)))


def _call(batch: list[tuple[_Job, int]]) -> Outputs:
    first = batch[0][0]
    inputs = {}
    for name, array in first.request.inputs.items():
        if array.ndim:
            rows = [job.request.inputs[name][row] for job, row in batch]
            array = np.array(rows, array.dtype)
        inputs[name] = array
    return first.model.call(first.request.signature, inputs)


def _together(job: _Job, padded: set[str]) -> Outputs:
    """The outputs of a request's rows as arrays [rows, ...]."""
    found: list[Any] = job.found
    outputs = {}
    for name in found[0]:
        rows = [row[name] for row in found]
        if name in padded and len({len(row) for row in rows}) > 1:
            empty = b"" if rows[0].dtype == object else rows[0].dtype.type(0)
            array = np.full([len(rows), max(map(len, rows))], empty, rows[0].dtype)
            for index, row in enumerate(rows):
                array[index, : len(row)] = row
            outputs[name] = array
        else:
            outputs[name] = np.stack(rows)
    return outputs


def _ending() -> RequestError:
    return RequestError(503, "the server is ending; ask it again once it is back, or another one")


def _fail(jobs: list[_Job], error: Exception) -> None:
    # The futures hold the error, and its frames would hold the jobs: a circle, and the model with it, that would last
    # until the garbage collector comes by.
    error.__traceback__ = error.__context__ = error.__cause__ = None
    _finish(jobs, lambda job: job.future.set_exception(error))


def _finish(jobs: list[_Job], set_outcome: Callable[[_Job], None]) -> None:
    """Sets the outcome of requests in their event loop, in one go."""

    def finish(of_loop: list[_Job]) -> None:
        for job in of_loop:
            if not job.future.done():  # The client may have gone.
                set_outcome(job)

    for loop in {job.loop for job in jobs}:
        loop.call_soon_threadsafe(finish, [job for job in jobs if job.loop is loop])
