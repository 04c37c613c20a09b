"""Hosts that are network namespaces on one bridge. Needs root."""

import contextlib
import os
import subprocess
from collections.abc import Iterator


def ip(*arguments: str) -> None:
    """Runs the program `ip`, which must succeed."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@contextlib.contextmanager
def network_hosts(count: int, network: str, here: str | None = None) -> Iterator[list[str]]:
    """Makes namespaces; a process in one of them reaches the others by their addresses alone.

    Args:
        count: How many.
        network: The first three numbers of all addresses; the hosts are number 1, 2 and so on.
        here: The address of this machine on the bridge, if the hosts are to reach it.

    Yields:
        The names of the namespaces.
    """
    names = [f"tfx-lm-{os.getpid()}-{host}" for host in range(1, count + 1)]
    bridge = f"tfxlm{os.getpid()}"
    with contextlib.ExitStack() as made:
        ip("link", "add", bridge, "type", "bridge")
        made.callback(ip, "link", "del", bridge)
        ip("link", "set", bridge, "up")
        if here is not None:
            ip("addr", "add", f"{here}/24", "dev", bridge)
        for host, name in enumerate(names, start=1):
            ip("netns", "add", name)
            made.callback(ip, "netns", "del", name)
            cable = f"tl{os.getpid()}v{host}"
            ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", cable, "master", bridge, "up")
            for command in (["addr", "add", f"{network}.{host}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
                ip("-n", name, *command)
            ip("-n", name, "link", "set", "lo", "up")
        yield names
