"""Compressed bodies, by the functions alone and over HTTP."""

import gzip
import http.client
import json
import os
import tracemalloc
import zlib

import pytest
from tfx_lm.server.body import _takes_gzip, inflate
from tfx_lm.server.options import Limits
from tfx_lm.server.request_error import RequestError

PREDICT = "/v1/models/model:predict"
REQUEST = {"signature_name": "score", "instances": ["the cat", "dog"]}


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"the cat" * 1000),
        gzip.compress(b"the cat" * 500) + gzip.compress(b"the cat" * 500),
        gzip.compress(b"") + gzip.compress(b"the cat" * 1000, compresslevel=0),
    ],
    ids=["one member", "two members", "stored"],
)
def test_inflated(body):
    assert inflate(body, Limits(body_bytes=7000)) == b"the cat" * 1000
    with pytest.raises(RequestError, match="the body has more than 6999 bytes, inflated; send less at once") as caught:
        inflate(body, Limits(body_bytes=6999))
    assert caught.value.status == 413


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("random", [False, True])
def test_whatever_the_sizes_of_its_steps(size, random):
    content = os.urandom(size) if random else b"a" * size
    assert inflate(gzip.compress(content), Limits()) == content


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "the body is not gzip, as its Content-Encoding says; compress it, or leave the header out"),
        (gzip.compress(b"the cat") + b"more", "the body has more behind its gzip stream; send the stream alone"),
        (gzip.compress(b"the cat") + b"\n", "the body has more behind its gzip stream"),
        (gzip.compress(b"the cat") + bytes(100), "the body has more behind its gzip stream"),
        (gzip.compress(b"the cat") * 2 + b"\x1f\n", "the body has more behind its gzip stream"),
        (gzip.compress(b"the cat") + b"\x1f", "the body ends within its gzip stream"),
        (zlib.compress(b"the cat"), "the body is not gzip"),
        (gzip.compress(b"the cat")[:-1], "the body ends within its gzip stream; send all of it"),
        (gzip.compress(b"the cat")[:3], "the body ends within its gzip stream"),
        (gzip.compress(b"the cat")[:-8] + b"01234567", "the body is not gzip"),
    ],
    ids=[
        *("plain", "more behind it", "a byte behind it", "zeros behind it", "two bytes behind two members"),
        *("cut second member", "zlib", "cut", "cut at once", "wrong sum"),
    ],
)
def test_what_is_no_gzip_is_refused(body, message):
    with pytest.raises(RequestError, match=message) as caught:
        inflate(body, Limits())
    assert caught.value.status == 400


def test_a_bomb_is_not_held():
    bomb = gzip.compress(bytes(200_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(RequestError, match="has more than 1000000 bytes, inflated"):
            inflate(bomb, Limits())
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("accepted", "taken"),
    [
        ("gzip", True),
        ("br, GZip;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.0, *", False),
    ],
)
def test_who_takes_gzip(accepted, taken):
    assert _takes_gzip(accepted) is taken


@pytest.mark.slow
def test_a_compressed_request_is_answered_as_the_plain_one(server):
    body = json.dumps(REQUEST).encode()
    expected = server.ask("POST", PREDICT, body)
    assert expected[0] == 200
    for encoding in ("gzip", "x-gzip", "GZIP"):
        assert server.ask("POST", PREDICT, gzip.compress(body), {"Content-Encoding": encoding}) == expected
    assert server.ask("POST", PREDICT, body, {"Content-Encoding": "identity"}) == expected
    # In chunks, without a Content-Length.
    chunks = iter([gzip.compress(body)[:20], gzip.compress(body)[20:]])
    assert server.ask("POST", PREDICT, chunks, {"Content-Encoding": "gzip"}) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoding", "make_body", "status", "message"),
    [
        ("gzip", lambda: gzip.compress(bytes(100_000_000)), 413, "the body has more than 1000000 bytes, inflated"),
        ("gzip", lambda: gzip.compress(os.urandom(2_000_000)), 413, "the body has more than 1000000 bytes; send less"),
        ("gzip", lambda: b"{}", 400, "the body is not gzip"),
        ("br", lambda: b"{}", 415, "Content-Encoding: br: only gzip is read; compress with gzip, or send it as it is"),
        ("deflate", lambda: b"{}", 415, "Content-Encoding: deflate: only gzip is read"),
        ("gzip, gzip", lambda: b"{}", 415, "Content-Encoding: gzip, gzip: only gzip is read"),
        ("", lambda: gzip.compress(b"{}"), 400, "the body is compressed with gzip; say so: Content-Encoding: gzip"),
    ],
    ids=["bomb", "long", "plain", "brotli", "deflate", "twice", "not said"],
)
def test_what_cannot_be_inflated_is_refused(server, encoding, make_body, status, message):
    found, answer = server.ask("POST", PREDICT, make_body(), {"Content-Encoding": encoding} if encoding else {})
    assert found == status
    assert message in answer["error"]
    assert server.predict({"instances": ["the cat"]})[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize(("texts", "large"), [(1, False), (20, True), (256, True)])
def test_large_answers_are_compressed_for_those_who_take_it(server, texts, large):
    body = json.dumps({"signature_name": "score", "instances": ["the cat the dog"] * texts})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    answers = {}
    for accepted in ("", "gzip, deflate"):
        connection.request("POST", PREDICT, body, {"Accept-Encoding": accepted})
        response = connection.getresponse()
        answers[accepted] = (response.getheader("Content-Encoding"), response.getheader("Vary"), response.read())
    connection.close()
    encoding, vary, content = answers["gzip, deflate"]
    plain = answers[""][2]
    assert answers[""][:2] == (None, "Accept-Encoding" if large else None)
    assert (encoding, vary) == (("gzip", "Accept-Encoding") if large else (None, None))
    assert (gzip.decompress(content) if large else content) == plain
    assert not large or len(content) < len(plain) / 4
