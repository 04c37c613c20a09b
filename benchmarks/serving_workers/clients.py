"""Clients of the server, in a separate process: each sends its next request after the answer to the last.

    python -m serving_workers.clients PORT SIGNATURE CLIENTS REQUESTS TEXTS.json

The texts are a JSON list. Answers once: `seconds` in total, `latencies` in seconds, `statuses` by number.
"""

import asyncio
import collections
import itertools
import json
import sys
import time
from pathlib import Path

import uvloop
from shared.answers import Answers

from serving_workers import CANDIDATES


def request(port: int, signature: str, text: str) -> bytes:
    """Returns a complete HTTP request."""
    inputs = {"text": [text]} if signature == "score" else {"text": [text], "k": CANDIDATES}
    body = json.dumps({"signature_name": signature, "inputs": inputs}).encode()
    head = f"POST /v1/models/model:predict HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Client(asyncio.Protocol):
    """A connection that is kept open."""

    def __init__(self, requests, statuses, latencies, done):
        self._requests = requests
        self._statuses = statuses
        self._latencies = latencies
        self._done = done
        self._received = bytearray()

    def connection_made(self, transport):
        """Sends the first request."""
        self._transport = transport
        self._send()

    def _send(self):
        following = next(self._requests, None)
        if following is None:
            self._transport.close()
            return
        self._begin = time.perf_counter()
        self._transport.write(following)

    def data_received(self, data):
        """Sends the next request once the answer is complete."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        head = head.lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._latencies.append(time.perf_counter() - self._begin)
        self._statuses[int(head.split(None, 2)[1])] += 1
        self._received = body[length:]
        self._send()

    def connection_lost(self, error):
        """Records the end, and the reason if the server closed."""
        self._done.set_result(error)


async def main(port, signature, clients, count, texts):
    """Sends all requests, and returns the answer."""
    prepared = [request(port, signature, text) for text in texts]
    requests = itertools.islice(itertools.cycle(prepared), count)
    statuses: collections.Counter[int | str] = collections.Counter()
    latencies: list[float] = []
    ends: list[asyncio.Future] = []
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    for _ in range(clients):
        ends.append(loop.create_future())
        await loop.create_connection(
            lambda: Client(requests, statuses, latencies, ends[-1]), "127.0.0.1", port
        )  # fmt: skip
    for error in await asyncio.gather(*ends):
        statuses["lost"] += error is not None
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "latencies": latencies, "statuses": {key: n for key, n in statuses.items() if n}}


if __name__ == "__main__":
    answers = Answers()
    port, signature, clients, count, file = sys.argv[1:]
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    texts = json.loads(Path(file).read_text())
    answers.send(**asyncio.run(main(int(port), signature, int(clients), int(count), texts)))
