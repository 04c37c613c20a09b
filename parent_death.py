"""End of a process with its parent, also if the parent is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, life: int) -> None:
    """Makes the system kill this process when its parent dies.

    Args:
        parent: The parent's process id.
        life: Reading end of a pipe whose writing end only the parent holds.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # It died before the call.
            os._exit(1)
    else:

        def watch() -> None:
            os.read(life, 1)
            os.kill(os.getpid(), signal.SIGKILL)

        threading.Thread(target=watch, daemon=True).start()
