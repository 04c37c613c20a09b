"""Open files of the process: as many as the connections need."""

from __future__ import annotations

import resource

from ..errors import SettingError

# Files that are open without a connection, most of them for a moment while a version is loaded.
_OWN_FILES = 200


def open_files_for(connections: int, protocols: int) -> None:
    """Raises the limit of open files of this process, as far as the system allows, if connections need more.

    Args:
        connections: The largest number of connections of a protocol.
        protocols: The number of protocols.

    Raises:
        SettingError: If the system does not allow as many.
    """
    needed = connections * protocols + _OWN_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        fit = (hard - _OWN_FILES) // protocols
        remedy = f"set {{connections}} to {fit} at most" if fit > 0 else "raise the limit"
        raise SettingError(
            f"{{connections}}={connections}: needs {needed} open files, and the system allows this process {hard} "
            f"(ulimit -Hn); {remedy}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
