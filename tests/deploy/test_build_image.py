"""How `make image` calls Docker, Podman or Buildah, which are scripts here that note their arguments."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import tfx_lm

SCRIPT = Path(tfx_lm.__file__).parent / "deploy" / "build-image"
NAME = "registry.example.com/tfx-lm:0.1.0"


class Machine:
    """A machine that has some engines, and of other programs only those that the script needs everywhere."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        self._programs = folder / "bin"
        self._programs.mkdir()
        for name in ("dirname", "id", "uname"):
            (self._programs / name).symlink_to(shutil.which(name))
        self._certificates = folder / "certificates.pem"
        self._certificates.write_text("certificates")
        self.secret = f"--secret id=certificates,src={self._certificates}"

    def has(self, engine: str, fails: str = "nothing") -> None:
        """Adds an engine that has the image `debian:13`, and one of whose commands fails."""
        script = f'''#!{shutil.which("sh")}
echo "{engine} $*" >>{self._log}
case "$*" in
*.Size*) echo "2.83 GB" ;;
"images --quiet debian:13" | "images --quiet {NAME}") echo 0123456789ab ;;
esac
[ "$1" != {fails} ]
'''
        (self._programs / engine).write_text(script)
        (self._programs / engine).chmod(0o755)

    def build(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        environment = {"PATH": str(self._programs), "SSL_CERT_FILE": str(self._certificates), **variables}
        command = [shutil.which("bash"), SCRIPT, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("engines", "build"),
    [
        (["docker", "podman", "buildah"], "docker build"),
        (["podman", "buildah"], "podman build --layers"),
        (["buildah"], "buildah bud --isolation chroot --layers"),
    ],
)
def test_the_first_engine_that_runs_builds(machine, engines, build):
    for engine in engines:
        machine.has(engine)
    done = machine.build(NAME, BASE="debian:13")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{NAME}: 2.83 GB, built by {engines[0]} on debian:13\n"
    assert f"{build} --build-arg BASE=debian:13 {machine.secret} --tag {NAME} ." in machine.calls


def test_docker_without_its_daemon_is_left_alone(machine):
    machine.has("docker", fails="info")
    machine.has("buildah")
    assert machine.build(NAME, BASE="debian:13").stdout.endswith("built by buildah on debian:13\n")


def test_proxies_are_passed_on_by_name(machine):
    """A password in one is not on the command line."""
    machine.has("docker")
    machine.build(NAME, BASE="debian:13", https_proxy="http://user:secret@proxy.example.com", NO_PROXY="")
    assert any("--build-arg https_proxy --secret" in call for call in machine.calls)
    assert "secret@" not in "".join(machine.calls)


def test_without_an_engine_it_says_what_to_install(machine):
    done = machine.build(NAME)
    assert done.returncode == 1
    assert done.stderr == (
        "make image: neither Docker nor Podman runs here, and Buildah is missing; "
        "start one, or install it: apt-get install buildah.\n"
    )


def test_a_base_that_cannot_be_pulled_or_made(machine):
    machine.has("podman", fails="pull")
    done = machine.build(NAME)
    assert done.returncode == 1
    assert "make image: ubuntu:24.04 cannot be pulled (see above)" in done.stderr
    assert "Or name an image with BASE=IMAGE." in done.stderr


def test_a_failed_build_is_no_success(machine):
    machine.has("docker", fails="build")
    done = machine.build(NAME, BASE="debian:13")
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("arguments", [[], ["one", "two"]])
def test_usage(machine, arguments):
    done = machine.build(*arguments)
    assert (done.returncode, done.stderr) == (2, "usage: deploy/build-image NAME\n")


def test_it_is_a_program():
    assert os.access(SCRIPT, os.X_OK)
