"""The batcher with a model that records its calls."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref

import numpy as np
import pytest
from tfx_lm.server import batching
from tfx_lm.server.batching import Batcher
from tfx_lm.server.predict_request import PredictRequest
from tfx_lm.server.request_error import RequestError


class Model:
    """Returns the length of each text and its letters, padded; its calls wait for the event `wait`."""

    inputs = {  # noqa: RUF012
        "score": ("text",),
        "next_word": ("text", "k"),
        "score_in_context": ("text", "context"),
        "next_word_in_context": ("text", "k"),
        "step": ("ids", "states"),
    }
    proposes_pieces = False

    def __init__(self):
        self.calls = []
        self.users = 0
        self.wait = threading.Event()
        self.wait.set()
        self.begun = threading.Semaphore(0)

    @contextlib.contextmanager
    def in_use(self):
        self.users += 1
        yield
        self.users -= 1

    def call(self, signature, inputs):
        assert self.users > 0
        texts = inputs["text"].tolist()
        self.calls.append((signature, texts))
        self.begun.release()
        assert self.wait.wait(30)
        if b"bad" in texts:
            raise RequestError(400, "bad text")
        if b"broken" in texts:
            raise RuntimeError("broken")
        if signature.startswith("next_word") and inputs["k"].ndim:
            most = inputs["k"].max()
            proposed = [[b"%d" % place if place < k else b"" for place in range(most)] for k in inputs["k"]]
            return {"words": np.array(proposed, object).reshape(len(texts), most)}
        longest = max(len(text) for text in texts)
        mask = np.array([[float(place < len(text)) for place in range(longest)] for text in texts], np.float32)
        letters = [[bytes(text[place : place + 1]) for place in range(longest)] for text in texts]
        return {
            "mask": mask.reshape(len(texts), longest),
            "letters": np.array(letters, object).reshape(len(texts), longest),
            "length": np.array([len(text) for text in texts], np.float32),
        }


def request(*texts, signature="score", **scalars):
    inputs = {"text": np.array(texts, object), **{name: np.array(value) for name, value in scalars.items()}}
    return PredictRequest(signature, inputs, len(texts), True)


@pytest.fixture
def model():
    return Model()


def run(batcher, *coroutines):
    async def all_of_them():
        return await asyncio.gather(*coroutines, return_exceptions=True)

    try:
        return asyncio.run(all_of_them())
    finally:
        batcher.close()


def test_a_request_alone(model):
    batcher = Batcher(10)
    (found,) = run(batcher, batcher.run(model, request(b"ab", b"c")))
    assert found["length"].tolist() == [2, 1]
    assert found["letters"].tolist() == [[b"a", b"b"], [b"c", b""]]
    assert found["mask"].tolist() == [[1, 1], [1, 0]]
    assert model.calls == [("score", [b"c", b"ab"])]


def test_what_waits_goes_together_by_length_and_comes_back_to_whom_it_belongs(model):
    sizes = []
    batcher = Batcher(1000, sizes.append)
    model.wait.clear()

    async def begin_then(coroutines):
        first = asyncio.create_task(batcher.run(model, request(b"first")))
        await asyncio.to_thread(model.begun.acquire)
        others = [asyncio.create_task(coroutine) for coroutine in coroutines]
        await asyncio.sleep(0.1)
        assert batcher.waiting_rows == 5
        model.wait.set()
        return await asyncio.gather(first, *others)

    texts = [b"x" * length for length in (9, 2, 5)]
    coroutines = [batcher.run(model, request(text)) for text in texts]
    coroutines.append(batcher.run(model, request(b"kk", signature="next_word", k=3)))
    coroutines.append(batcher.run(model, request(b"k", signature="next_word", k=4)))
    ((_, *found),) = run(batcher, begin_then(coroutines))
    assert [len(call[1]) for call in model.calls] == [1, 3, 1, 1]
    assert model.calls[1] == ("score", sorted(texts, key=len))
    assert sizes == [1, 3, 1, 1]
    for text, outputs in zip(texts, found, strict=False):
        assert outputs["length"].tolist() == [len(text)]
        # Padded as in a call of its own.
        assert outputs["letters"].shape == (1, len(text))
    assert batcher.waiting_rows == 0


def test_a_context_counts_for_the_size_of_a_row_in_whatever_order_the_inputs_come(model):
    for names in (("text", "context"), ("context", "text")):
        inputs = {name: np.array({"text": [b"ab", b""], "context": [b"xyz", b"x"]}[name], object) for name in names}
        asked = PredictRequest("score_in_context", inputs, 2, True)
        assert batching._Job(model, asked, None, None, [], 2, 2, None).sizes() == [5, 1]


def test_a_call_reads_a_bounded_number_of_ids(model):
    def rows_of_calls(rows, time):
        inputs = {"ids": np.zeros([rows, time], np.int64), "states": np.zeros([rows, 1, 2, 3], np.float32)}
        job = batching._Job(model, PredictRequest("step", inputs, rows), None, None, [], rows, rows, None)
        return [len(batch) for batch in batching._batches([job])]

    # 65,536 ids at most; single steps of many texts stay together.
    assert rows_of_calls(40, 4096) == [16, 16, 8]
    assert rows_of_calls(256, 1) == [256]


@pytest.mark.parametrize("signature", ["next_word", "next_word_in_context"])
def test_few_rows_whose_words_are_searched_for_among_pieces_share_a_call(model, signature):
    model.proposes_pieces = True
    for batcher, asked in ((Batcher(100), {"signature": signature, "k": 2}), (Batcher(100), {})):
        run(batcher, batcher.run(model, request(*[b"a"] * 20, **asked)))
    # Rows of other signatures are as cheap as ever.
    assert [len(texts) for _, texts in model.calls] == [8, 8, 4, 20]


@pytest.mark.parametrize("signature", ["next_word", "next_word_in_context"])
def test_each_row_gets_as_many_words_as_it_asked_for_whatever_call_it_went_in(model, signature):
    batcher = Batcher(100)
    # By length these are two calls.
    texts = (b"x" * 5000, b"a", b"y" * 15_000)
    asked = (np.array([1, 3, 0]), np.array([2, 2, 2]), np.array([3]))
    requests = [request(*texts[: len(k)], signature=signature, k=k) for k in asked]
    mixed, two, three = run(batcher, *(batcher.run(model, one) for one in requests))
    assert mixed["words"].tolist() == [[b"0", b"", b""], [b"0", b"1", b"2"], [b"", b"", b""]]
    assert two["words"].tolist() == [[b"0", b"1"]] * 3
    assert three["words"].tolist() == [[b"0", b"1", b"2"]]
    assert len(model.calls) > 2


def test_only_the_request_to_blame_fails(model):
    batcher = Batcher(100)
    model.wait.clear()
    texts = (b"begin", b"good", b"bad", b"fine")

    async def later():
        await asyncio.to_thread(model.begun.acquire)
        await asyncio.sleep(0.1)
        model.wait.set()

    begin, good, bad, fine, _ = run(batcher, *(batcher.run(model, request(text)) for text in texts), later())
    assert [found["length"].tolist() for found in (begin, good, fine)] == [[5], [4], [4]]
    assert isinstance(bad, RequestError)


def test_a_model_that_fails_is_an_error_of_the_server_and_the_batcher_goes_on(model):
    batcher = Batcher(100)

    async def one_after_the_other():
        with pytest.raises(RuntimeError, match="broken"):
            await batcher.run(model, request(b"broken"))
        return await batcher.run(model, request(b"good"))

    (found,) = run(batcher, one_after_the_other())
    assert found["length"].tolist() == [4]


def test_a_model_that_answers_too_few_rows_is_an_error_and_the_batcher_goes_on(model, monkeypatch):
    batcher = Batcher(100)
    call = model.call

    def few(signature, inputs):
        return {name: array[:1] for name, array in call(signature, inputs).items()}

    async def one_after_the_other():
        monkeypatch.setattr(model, "call", few)
        with pytest.raises(IndexError):
            await batcher.run(model, request(b"a", b"b"))
        monkeypatch.setattr(model, "call", call)
        return await batcher.run(model, request(b"good"))

    (found,) = run(batcher, one_after_the_other())
    assert found["length"].tolist() == [4]


def test_too_much_is_refused_and_what_waits_is_answered(model):
    batcher = Batcher(4)
    model.wait.clear()

    async def flood():
        first = asyncio.create_task(batcher.run(model, request(b"first")))
        await asyncio.to_thread(model.begun.acquire)
        second = asyncio.create_task(batcher.run(model, request(b"a", b"b", b"c", b"d")))
        await asyncio.sleep(0.1)
        with pytest.raises(RequestError, match="4 rows wait for the model already; try again later") as caught:
            await batcher.run(model, request(b"e"))
        assert caught.value.status == 429
        model.wait.set()
        return await asyncio.gather(first, second)

    ((first, second),) = run(batcher, flood())
    assert first["length"].tolist() == [5]
    assert second["length"].tolist() == [1, 1, 1, 1]


def test_a_client_that_went_away_does_no_harm(model):
    batcher = Batcher(100)
    model.wait.clear()

    async def leave():
        gone = asyncio.create_task(batcher.run(model, request(b"gone")))
        await asyncio.to_thread(model.begun.acquire)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        # The call goes on and needs the model.
        assert model.users == 1
        model.wait.set()
        return await batcher.run(model, request(b"good"))

    (found,) = run(batcher, leave())
    assert found["length"].tolist() == [4]
    assert model.users == 0


def test_a_request_that_was_cancelled_while_it_waited_costs_the_model_nothing(model):
    sizes = []
    batcher = Batcher(100, sizes.append)
    model.wait.clear()

    async def leave():
        first = asyncio.create_task(batcher.run(model, request(b"first")))
        await asyncio.to_thread(model.begun.acquire)
        gone = asyncio.create_task(batcher.run(model, request(b"gone", b"too")))
        good = asyncio.create_task(batcher.run(model, request(b"good")))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        model.wait.set()
        return await asyncio.gather(first, good)

    ((first, good),) = run(batcher, leave())
    assert (first["length"].tolist(), good["length"].tolist()) == ([5], [4])
    assert model.calls == [("score", [b"first"]), ("score", [b"good"])]
    assert sizes == [1, 1]
    assert model.users == 0
    assert batcher.waiting_rows == 0


def test_after_the_end_requests_are_refused_and_so_are_those_that_still_wait(model):
    batcher = Batcher(100)
    model.wait.clear()

    async def end():
        first = asyncio.create_task(batcher.run(model, request(b"first")))
        await asyncio.to_thread(model.begun.acquire)
        second = asyncio.create_task(batcher.run(model, request(b"second")))
        await asyncio.sleep(0)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        while not batcher._closed:
            await asyncio.sleep(0.01)
        model.wait.set()
        await closing
        third = batcher.run(model, request(b"third"))
        return await asyncio.gather(
            *(asyncio.wait_for(one, 10) for one in (first, second, third)), return_exceptions=True
        )

    first, second, third = asyncio.run(end())
    assert first["length"].tolist() == [5]
    for refused in (second, third):
        assert isinstance(refused, RequestError)
        assert refused.status == 503
        assert "the server is ending" in refused.message
    assert batcher.waiting_rows == 0


@pytest.mark.parametrize("texts", [(b"good",), (b"bad",), (b"broken",), (b"good", b"bad", b"broken")])
def test_no_model_is_held_once_its_requests_are_answered(texts, monkeypatch):
    """A failed request must not leave a reference cycle, nor the waiting thread a reference to the last request."""
    # pytest keeps log records, and with them the frames of the error.
    monkeypatch.setattr(batching._log, "exception", lambda *args: None)
    batcher = Batcher(100)

    async def all_together():
        model = Model()
        model.wait.clear()
        first = asyncio.create_task(batcher.run(model, request(b"first")))
        await asyncio.to_thread(model.begun.acquire)
        others = [asyncio.create_task(batcher.run(model, request(text))) for text in texts]
        await asyncio.sleep(0)
        model.wait.set()
        await asyncio.gather(first, *others, return_exceptions=True)
        return weakref.ref(model)

    gc.disable()
    try:
        gone = asyncio.run(all_together())
        deadline = time.monotonic() + 10
        while gone() is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        gc.enable()
        batcher.close()
