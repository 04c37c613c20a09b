"""Containers of an image, run by the engine of this machine that has the image: Docker, Podman or Buildah."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path


def make_writable(folder: Path) -> None:
    """Makes a folder, and those above it, in which the users of all containers may write, as on object storage."""
    before = os.umask(0)
    try:
        folder.mkdir(parents=True)
    finally:
        os.umask(before)


def _output(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


class ContainerImage:
    """Each container is a new one, has the image's user and environment, and sees some folders of this machine."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._engine = next((engine for engine in ("docker", "podman", "buildah") if self._has_image(engine)), "")
        assert self._engine, f"no engine of this machine has an image {name}: run make image"

    def _has_image(self, engine: str) -> bool:
        command = [engine, "images", "--quiet", self.name]
        return shutil.which(engine) is not None and bool(
            subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=600).stdout
        )

    @contextlib.contextmanager
    def container(self, *folders: Path) -> Iterator[list[str]]:
        """How the command line begins that runs a command in the container; its entry point is not used."""
        volumes = [f"--volume={folder}:{folder}" for folder in folders]
        if self._engine != "buildah":
            yield [self._engine, "run", "--rm", "--entrypoint=", *volumes, self.name]
            return
        container = _output("buildah", "from", "--pull-never", self.name).strip()
        try:
            yield ["buildah", "run", "--isolation=chroot", *volumes, container, "--"]
        finally:
            _output("buildah", "rm", container)

    def run(self, *command: object, folders: tuple[Path, ...] = ()) -> str:
        """What a command prints in a container of its own; it must succeed."""
        with self.container(*folders) as prefix:
            return _output(*prefix, *command)

    def configuration(self) -> str:
        """What the image's file says of it, its history included, as JSON."""
        kind = ["--type=image"] if self._engine == "buildah" else []
        shown = _output(self._engine, "inspect", *kind, self.name)
        return shown if self._engine == "buildah" else shown + _output(self._engine, "history", "--no-trunc", self.name)
