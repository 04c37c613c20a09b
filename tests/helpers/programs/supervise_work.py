"""Supervises the work that the first argument names, and says how it ended."""

import os
import signal
import subprocess
import sys
import tempfile
import time

from tfx_lm.pipelines.nodes.supervisor import supervise


def fail():
    raise ValueError("bad")


def leave_a_child():
    subprocess.Popen(["sleep", "300"])
    return 0


def write_temporary():
    print(tempfile.mkdtemp(), flush=True)
    return 0


def keep_temporary():
    write_temporary()
    time.sleep(300)


WORK = {
    "write temporary": write_temporary,
    "keep temporary": keep_temporary,
    "return 0": lambda: 0,
    "return 7": lambda: 7,
    "exit 3": lambda: sys.exit(3),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "fail": fail,
    "leave a child": leave_a_child,
    "sleep": lambda: time.sleep(300),
}


def work():
    signal.signal(signal.SIGTERM, lambda number, frame: print("asked", flush=True))
    print("started", flush=True)
    return WORK[sys.argv[1]]()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ended = supervise(work, {signal.SIGTERM, signal.SIGINT})
    print(ended.code, ended.asked)
