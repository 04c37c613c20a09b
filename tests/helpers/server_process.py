"""A server process of `tfx-lm serve`, and a client that uses HTTP only."""

import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest


class Server:
    """A process of `tfx-lm serve` and its output."""

    def __init__(self, model, *options, python=sys.executable):
        program = Path(sys.executable).parent / "tfx-lm"
        command = [str(python), str(program), "serve", str(model), "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout and self.process.stderr
        self._stdout, self._errors = self.process.stdout, self.process.stderr
        self.line = self._stdout.readline()
        match = re.search(r"https?://127\.0\.0\.1:(\d+)", self.line)
        assert match, self.line + self._errors.read()
        self.port = int(match.group(1))
        grpc = re.search(r"gRPC at (127\.0\.0\.1:\d+);", self.line)
        self.grpc_address = grpc and grpc.group(1)
        self.url = f"http://127.0.0.1:{self.port}/"
        self._stderr: list[str] = []
        self._reader = threading.Thread(target=lambda: self._stderr.extend(self._errors), daemon=True)
        self._reader.start()

    def ask(self, method, path, body=None, headers=None, timeout=60):
        """Sends one request on a new connection; returns the status and the JSON, or the raw body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            if isinstance(body, dict):
                body = json.dumps(body).encode()
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return response.status, json.loads(content) if "json" in response.getheader("Content-Type", "") else content

    def predict(self, body, path="/v1/models/model:predict"):
        return self.ask("POST", path, body)

    def version(self):
        """The version that is served."""
        return self.ask("GET", "/v1/models/model")[1]["model_version_status"][0]["version"]

    def metric(self, beginning):
        """The sum of the metrics whose lines begin so."""
        lines = self.ask("GET", "/metrics")[1].decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))

    def stop(self):
        """Ends the server with SIGTERM; returns its exit code and its standard error.

        uvicorn shuts down and then lets the signal end the process, so that its sender can see that.
        """
        self.process.terminate()
        code = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        self._stdout.close()
        self._errors.close()
        return code, "".join(self._stderr)


@pytest.fixture(scope="session")
def start_server(forked_python):
    """A function that starts a server; all are stopped at the end.

    With `python=sys.executable` it starts as a user's does and prints what that prints; otherwise it is a fork.
    """
    servers = []

    def start(model, *options, python=forked_python):
        servers.append(Server(model, *options, python=python))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def server(start_server, bigram_model, tmp_path_factory):
    """A server of the bigram model, as version 7."""
    folder = tmp_path_factory.mktemp("versions")
    shutil.copytree(bigram_model, folder / "7")
    return start_server(folder)
