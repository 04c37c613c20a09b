"""The wheel and the source distribution hold exactly the package, and the wheel works where it is unpacked."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path, PurePosixPath

import pytest
import tfx_lm

pytestmark = pytest.mark.slow

CHECKOUT = Path(tfx_lm.__file__).parent
NAME = f"tfx_lm-{tfx_lm.__version__}"
PACKAGES = ("cli", "components", "exported", "model", "pipelines", "server", "text_files", "transform")
DATA = ("components/report/templates/*", "pipelines/configs/*.yaml", "server/*.html", "py.typed")

# Things that lie about in a checkout and must not be shipped.
STRAY = (
    "components/trainer/weights.h5",
    "corpus.txt",
    "data/speeches.py",
    "demo-output/serving/1/saved_model.pb",
    "pipelines/configs/corpus.txt",
    "tests/test_stray.py",
    "transform/__pycache__/padding.cpython-310.pyc",
)
WHEEL_METADATA = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}
SOURCE_EXTRAS = {
    "CHANGELOG.md",
    "LICENSE",
    "MANIFEST.in",
    "PKG-INFO",
    "README.md",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
}


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Distributions:
    """What `python -m build` makes of a copy of the checkout: the source distribution, and from that the wheel."""

    def __init__(self, folder: Path):
        copy = folder / "checkout"
        listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=CHECKOUT)
        self.files = {name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()}
        for name in self.files:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((CHECKOUT / name).read_bytes())
        for name in STRAY:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_text("stray")
        self.log = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), folder=copy)
        self.wheel = folder / "dist" / f"{NAME}-py3-none-any.whl"
        self.source = folder / "dist" / f"{NAME}.tar.gz"
        self.unpacked = folder / "unpacked"
        with zipfile.ZipFile(self.wheel) as archive:
            archive.extractall(self.unpacked)

    def package(self) -> set[str]:
        """The files of the package, relative to the checkout: its modules, and the data that they read."""
        paths = [PurePosixPath(name) for name in self.files]
        python = [path for path in paths if path.suffix == ".py" and path != PurePosixPath("setup.py")]
        modules = {str(path) for path in python if path.parts[0] in PACKAGES or len(path.parts) == 1}
        data = {str(path) for path in paths if any(path.match(pattern) for pattern in DATA)}
        return modules | data

    def metadata(self):
        return Parser().parsestr((self.unpacked / f"{NAME}.dist-info" / "METADATA").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Distributions:
    return Distributions(tmp_path_factory.mktemp("distribution"))


def test_the_wheel_holds_exactly_the_package(built):
    with zipfile.ZipFile(built.wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    metadata = {f"{NAME}.dist-info/{name}" for name in WHEEL_METADATA}
    assert names == {f"tfx_lm/{name}" for name in built.package()} | metadata
    assert {"tfx_lm/pipelines/configs/demo.yaml", "tfx_lm/components/report/templates/report.html"} <= names


def test_the_source_distribution_holds_exactly_the_package_and_what_builds_it(built):
    with tarfile.open(built.source) as archive:
        names = {member.name.removeprefix(f"{NAME}/") for member in archive.getmembers() if member.isfile()}
    paths = [PurePosixPath(name) for name in built.files]
    readmes = {str(path) for path in paths if path.name == "README.md" and path.parts[0] in PACKAGES}
    assert {
        name for name in names if not name.startswith("tfx_lm.egg-info/")
    } == built.package() | SOURCE_EXTRAS | readmes


def test_the_build_warns_of_nothing(built):
    # Files are named after warnings, too.
    files = ("copying ", "adding '")
    lines = [line for line in built.log.splitlines() if not line.startswith(files)]
    warnings = [line for line in lines if "warning" in line.lower()]
    assert [line for line in warnings if "byte-compiling is disabled" not in line] == [], built.log


def test_the_index_accepts_the_metadata(built):
    assert run(
        sys.executable, "-m", "twine", "check", "--strict", str(built.wheel), str(built.source), folder=built.unpacked
    ).count("PASSED") == 2  # fmt: skip


def test_each_python_gets_its_stack(built):
    metadata = built.metadata()
    assert metadata["Name"] == "tfx-lm"
    assert metadata["Version"] == tfx_lm.__version__
    assert metadata["License"] == "Apache-2.0"
    assert set(metadata["Requires-Python"].split(",")) == {">=3.10", "<3.14"}
    requirements = metadata.get_all("Requires-Dist")
    assert {line for line in requirements if re.split("[=<>;!~ ]", line)[0] == "tfx"} == {
        'tfx==1.16.0; python_version < "3.11"',
        'tfx==1.21.0; python_version >= "3.11"',
    }
    assert {"airflow", "kubeflow"} <= set(metadata.get_all("Provides-Extra"))


def test_an_unpacked_wheel_is_enough_to_import_it(built):
    script = "import sys; sys.path.insert(0, sys.argv[1]); import tfx_lm; print(tfx_lm.__file__, tfx_lm.__version__)"
    # -I and -S: no site-packages, so that neither this environment nor the checkout can help.
    printed = run(sys.executable, "-I", "-S", "-c", script, str(built.unpacked), folder=built.unpacked.parent)
    assert printed.split() == [str(built.unpacked / "tfx_lm" / "__init__.py"), tfx_lm.__version__]
    assert {path.name for path in built.unpacked.iterdir()} == {"tfx_lm", f"{NAME}.dist-info"}


def test_the_entry_point_of_an_unpacked_wheel(built):
    entry_points = (built.unpacked / f"{NAME}.dist-info" / "entry_points.txt").read_text()
    assert entry_points.split() == [
        "[console_scripts]",
        *("tfx-lm", "=", "tfx_lm.cli.cli:main"),
        *("tfx-lm-beam-worker", "=", "tfx_lm.pipelines.beam.worker:main"),
    ]
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from tfx_lm.cli import cli; "
        "print(cli.__file__); cli.main(prog_name='tfx-lm')"
    )
    printed = run(sys.executable, "-I", "-c", script, str(built.unpacked), "--help", folder=built.unpacked.parent)
    assert printed.startswith(str(built.unpacked))
    assert "Usage: tfx-lm" in printed
