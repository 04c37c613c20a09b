"""File systems of a few megabytes, in memory, which tests fill and make read-only; only root may mount them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """A mounted file system."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        folder.mkdir()
        self._run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs")

    def _run(self, *command: str) -> None:
        done = subprocess.run([*command, str(self.folder)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def fill(self) -> None:
        """Leaves no byte free."""
        with (self.folder / "filler").open("wb", buffering=0) as file:
            size = 1 << 16
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 4

    def empty(self) -> None:
        """Gives the bytes back that `fill` took."""
        (self.folder / "filler").unlink()

    def read_only(self, state: bool = True) -> None:
        """Makes it read-only, or writable."""
        self._run("mount", "-o", f"remount,{'ro' if state else 'rw'}")

    def remove(self) -> None:
        """Unmounts it, also while a process has a file open."""
        self._run("umount", "--lazy")


@contextmanager
def small_disks(folder: Path) -> Iterator[dict[str, Disk]]:
    """A disk each for the output, TMPDIR and ML Metadata, by the setting that names the folder."""
    mounted: dict[str, Disk] = {}
    try:
        for name, megabytes in (("output", 64), ("TMPDIR", 32), ("metadata", 8)):
            mounted[name] = Disk(folder / name.lower(), megabytes)
        yield mounted
    finally:
        for disk in mounted.values():
            disk.remove()
