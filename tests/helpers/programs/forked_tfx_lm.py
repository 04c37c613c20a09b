"""`tfx-lm` in processes that are forked from one that has imported TFX, which takes five seconds of a processor.

`serve SOCKET` is that one; `call SOCKET ARGUMENTS` runs `tfx-lm ARGUMENTS` in a fork of it, with the environment, the
folder and the output of the process that calls, and ends as it does. Signals are not passed on.
"""

import importlib
import json
import os
import socket
import sys
from pathlib import Path


def call(path: str, *arguments: str) -> int:
    asked = {"arguments": arguments, "environment": dict(os.environ), "folder": str(Path.cwd())}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b"\n"], [0, 1, 2])
        connection.sendall(json.dumps(asked).encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(16)
    return int(answer) if answer else 1


def serve(path: str) -> None:
    import signal

    import tfx_lm.pipelines.nodes.node_command  # noqa: F401
    from tfx_lm.pipelines.local.processes import PRELOADED

    for module in PRELOADED:
        importlib.import_module(module)

    # Nobody waits for the forks.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    answer(connection)


def answer(connection: socket.socket) -> None:
    """Becomes the process of a call."""
    code: object = 1
    try:
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
        with connection.makefile() as asked:
            question = json.load(asked)
        os.chdir(question["folder"])
        os.environ.clear()
        os.environ.update(question["environment"])
        from tfx_lm.cli.cli import main

        main(question["arguments"], prog_name="tfx-lm")
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(str(code).encode())
        os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    else:
        sys.exit(call(*sys.argv[2:]))
