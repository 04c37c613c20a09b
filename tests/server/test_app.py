"""The ASGI application, called in this process."""

import asyncio
import gc
import json
import shutil
import threading
import time
import weakref

import numpy as np
import pytest
from tfx_lm.server import app as model_server
from tfx_lm.server import predictor, rest_format, writing
from tfx_lm.server.batching import Batcher
from tfx_lm.server.options import Limits

pytestmark = pytest.mark.slow

STEP = {"signature_name": "step", "inputs": {"ids": [[2]] * 2, "states": np.zeros([2, 1, 2, 3]).tolist()}}


async def ask(app, body, path="/v1/models/model:predict"):
    """Returns the status and the JSON of one predict request."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await app({**scope, "http_version": "1.1", "root_path": ""}, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))


def run(app, coroutine):
    async def within_its_life():
        async with app.router.lifespan_context(app):
            return await coroutine

    try:
        return asyncio.run(within_its_life())
    finally:
        gc.unfreeze()


def test_an_answer_of_too_many_values_is_refused(bigram_model):
    limits = Limits(rows=2, tokens=2, values=11)
    app = model_server.create_app(bigram_model, limits=limits)

    async def two_rows_and_one():
        one = {"signature_name": "step", "inputs": {name: value[:1] for name, value in STEP["inputs"].items()}}
        return await ask(app, STEP), await ask(app, one)

    (status, answer), (status_of_one, _) = run(app, two_rows_and_one())
    assert (status, status_of_one) == (400, 200)
    assert answer["error"].endswith(": the answer has 12 values: at most 11; send fewer rows")


def test_the_longest_texts_that_are_allowed_are_scored(bigram_model):
    app = model_server.create_app(bigram_model, limits=Limits(rows=2, tokens=3, values=1))
    status, answer = run(app, ask(app, {"signature_name": "score", "inputs": {"text": ["the cat the"] * 2}}))
    assert status == 200
    # With the end of the line.
    assert np.shape(answer["outputs"]["log_probabilities"]) == (2, 4)


@pytest.mark.parametrize(("size", "beside"), [(10, True), (100, False)])
def test_a_large_answer_is_written_beside_the_event_loop(bigram_model, monkeypatch, size, beside):
    monkeypatch.setattr(writing, "LARGE_ANSWER", size)
    threads = []
    answer = rest_format.answer

    def noted(request, outputs):
        threads.append(threading.current_thread())
        return answer(request, outputs)

    monkeypatch.setattr(rest_format, "answer", noted)
    app = model_server.create_app(bigram_model)
    status, found = run(app, ask(app, STEP))
    assert status == 200
    assert np.shape(found["outputs"]["log_probabilities"]) == (2, 6)
    assert (threads[0] is not threading.main_thread()) == beside


def test_a_request_that_is_cancelled_counts_as_failed(bigram_model, monkeypatch):
    async def never(self, model, request):
        await asyncio.Event().wait()

    monkeypatch.setattr(Batcher, "run", never)
    app = model_server.create_app(bigram_model)

    async def cancelled():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(ask(app, STEP), 0.5)
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [], "query_string": b""}
        await app({**scope, "http_version": "1.1", "root_path": ""}, None, send)
        return sent[1]["body"].decode()

    lines = run(app, cancelled()).splitlines()
    assert [line for line in lines if line.startswith("tfx_lm_requests_total")] == [
        'tfx_lm_requests_total{code="500",signature="step"} 1.0'
    ]


@pytest.mark.slow
def test_the_version_before_is_freed_whatever_its_last_requests_were_and_without_the_next(
    bigram_model, tmp_path, monkeypatch
):
    """Neither a waiting thread nor a failed request may keep a reference to it."""
    shutil.copytree(bigram_model, tmp_path / "1")
    made = []
    versions = predictor.ModelVersions
    monkeypatch.setattr(predictor, "ModelVersions", lambda *args: made.append(versions(*args)) or made[0])
    app = model_server.create_app(str(tmp_path), poll_seconds=0.1)
    texts = ["the cat"] * 2

    async def ask_and_exchange():
        for number in (2, 3):
            inner = weakref.ref(made[0].current._model.loaded)
            refused = {"signature_name": "evaluate", "instances": ["no example"]}
            answers = await asyncio.gather(ask(app, refused), ask(app, refused), ask(app, {"instances": texts}))
            assert [status for status, _ in answers] == [400, 400, 200]
            assert (await ask(app, {"instances": texts}))[0] == 200
            shutil.copytree(bigram_model, tmp_path / f".{number}")
            (tmp_path / f".{number}").rename(tmp_path / str(number))
            deadline = time.monotonic() + 60
            while inner() is not None:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)

    gc.disable()
    try:
        run(app, ask_and_exchange())
    finally:
        gc.enable()
