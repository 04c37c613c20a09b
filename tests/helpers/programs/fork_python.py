"""Python in processes that are forked from one that has imported TFX, which takes five seconds of a processor.

`serve SOCKET OWNER` makes that one, which ends when the process OWNER does, and removes the folder of its socket.
`call SOCKET COMMAND` takes the place of `python COMMAND`: it runs a script, `-m MODULE` or
`-c CODE` in a fork, with its own environment, folder, input and output; `-I` before it is left out. It passes SIGINT
and SIGTERM on and ends as the fork does; if it is killed, so is the fork. Of the fork, `/proc/PID/environ` is that of
`serve`, and functions of `atexit` do not run.
"""

import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

PASSED_ON = (signal.SIGINT, signal.SIGTERM)


def call(path: str, *command: str) -> int:
    asked = {"command": command, "environment": dict(os.environ), "folder": str(Path.cwd())}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [b"\n"], [0, 1, 2])
        connection.sendall(json.dumps(asked).encode() + b"\n")
        for number in PASSED_ON:
            signal.signal(number, lambda number, frame: connection.sendall(bytes([number])))
        code = int(connection.recv(16) or 1)
    if code < 0:
        if -code in PASSED_ON:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def serve(path: str, owner: int) -> list[str]:
    """Returns in forks only, the command to run. The process that was started ends as soon as others can call."""
    import tfx_lm.pipelines.local.preload
    import tfx_lm.pipelines.nodes.node_command  # noqa: F401

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        if os.fork():
            os._exit(0)
        # Nobody waits for the watchers.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        listener.settimeout(0.5)
        serves = True
        try:
            while is_alive(owner):
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    if os.fork() == 0:
                        serves = False
                        listener.close()
                        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                        connection.settimeout(None)
                        return watch(connection)
        finally:
            if serves:
                shutil.rmtree(Path(path).parent, ignore_errors=True)
    os._exit(0)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, PermissionError):  # Another user's has its number now.
        return False
    return True


def watch(connection: socket.socket) -> list[str]:
    """Starts a program, and ends with it; in its process, returns the command."""
    import threading

    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    asked = b""
    while not asked.endswith(b"\n"):
        asked += connection.recv(2**16)
    program = os.fork()
    if program == 0:
        connection.close()
        return become(descriptors, **json.loads(asked))
    for descriptor in (0, 1, 2, *descriptors):
        os.close(descriptor)

    ended = threading.Event()

    def pass_on() -> None:
        while number := connection.recv(1):
            os.kill(program, number[0])
        if not ended.is_set():
            os.kill(program, signal.SIGKILL)

    threading.Thread(target=pass_on, daemon=True).start()
    _, status = os.waitpid(program, 0)
    ended.set()
    connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def become(descriptors: list[int], command: list[str], environment: dict[str, str], folder: str) -> list[str]:
    """Gives this process what a process of its own would have; returns the command."""
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    # What the program starts as `sys.executable`, if that is to be a fork as well.
    sys.executable = environment.get("TFX_LM_TEST_EXECUTABLE", sys.executable)
    folders = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [name for name in folders if name and name not in sys.path]
    return command


def run(command: list[str]) -> NoReturn:
    """Runs `python COMMAND` in this process, and ends it."""
    import runpy
    import traceback

    if command[0] == "-I":
        command = command[1:]
    first, *arguments = command
    if first in ("-m", "-c"):
        name, *arguments = arguments
        sys.path[0] = str(Path.cwd())
        sys.argv = [name if first == "-m" else "-c", *arguments]
    else:
        sys.path[0] = str(Path(first).resolve().parent)
        sys.argv = command
    code: object = 1
    try:
        if first == "-m":
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        elif first == "-c":
            exec(name, {"__name__": "__main__"})
        else:
            runpy.run_path(first, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    # To free all that was imported before the fork would take two seconds.
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    if sys.argv[1] == "call":
        sys.exit(call(*sys.argv[2:]))
    run(serve(sys.argv[2], int(sys.argv[3])))
