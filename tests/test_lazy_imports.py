"""Delayed modules run at their first use, and behave as imported ones from then on."""

import importlib
import importlib.util
import pickle
import subprocess
import sys

import cloudpickle
import dill
import pytest
from helpers.programs import program
from tfx_lm import lazy_imports


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """The packages `gathering` and `whole` of one submodule each, which are delayed."""
    for package in ("gathering", "whole"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("from .part import answer\n__version__ = '1'\n")
        (tmp_path / package / "part.py").write_text("runs = []\nruns.append(1)\n\ndef answer():\n    return 42\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(lazy_imports, "GATHERING", frozenset({"gathering", "gathering.single"}))
    monkeypatch.setattr(lazy_imports, "_WHOLE", frozenset({"whole", "not_installed"}))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    lazy_imports.install()
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] in ("gathering", "whole")]:
        del sys.modules[name]


def delayed(name):
    return lazy_imports.is_delayed(sys.modules[name])


@pytest.mark.parametrize("package", ["gathering", "whole"])
def test_the_first_name_runs_the_package(packages, package):
    module = importlib.import_module(package)
    assert delayed(package)
    assert module.__file__ == str(packages / package / "__init__.py")
    assert delayed(package)
    assert module.answer() == 42
    assert not delayed(package)
    assert (module.__version__, module.__spec__.loader.name, type(module)) == ("1", package, type(sys))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'missing'"):
        module.missing  # noqa: B018


def test_a_submodule_does_not_run_a_package_that_gathers_names(packages):
    from gathering import part
    from gathering.part import answer

    assert (answer(), part.answer, delayed("gathering")) == (42, answer, True)
    assert sys.modules["gathering"].answer is answer


def test_a_submodule_runs_a_whole_package_and_is_itself_run_once(packages):
    import whole.part

    assert not delayed("whole")
    assert whole.answer is whole.part.answer
    assert whole.part.runs == [1]
    assert whole.part.__spec__.loader.name == "whole.part"


def test_a_submodule_has_its_own_files_before_the_package_runs(packages):
    importlib.import_module("whole")
    spec = importlib.util.find_spec("whole.part")
    assert (spec.origin, spec.loader.get_filename("whole.part")) == (str(packages / "whole" / "part.py"),) * 2
    assert importlib.util.find_spec("whole.missing") is None
    assert delayed("whole")


def test_a_submodule_that_its_package_does_not_import(packages):
    (packages / "whole" / "other.py").write_text("from whole import answer\n")
    importlib.import_module("whole")
    other = importlib.import_module("whole.other")
    assert not delayed("whole")
    assert (other.answer(), type(other.__loader__), other.__spec__.loader) == (
        42,
        type(sys.modules["whole.part"].__loader__),
        other.__loader__,
    )


def test_threads_that_use_a_package_and_its_submodule_do_not_wait_for_each_other(packages):
    (packages / "whole" / "__init__.py").write_text(
        "import between_threads\nbetween_threads.meet()\nfrom .part import answer\n"
    )
    done = subprocess.run(program("use_delayed_in_threads", packages), capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("42 [1]\n", 0), done.stderr


@pytest.mark.parametrize("package", ["gathering", "whole"])
@pytest.mark.parametrize("pickler", [pickle, cloudpickle, dill])
def test_a_delayed_module_is_pickled_by_its_name(packages, package, pickler):
    module = importlib.import_module(package)
    pickled = pickler.dumps(module)
    assert delayed(package)
    assert pickler.loads(pickled) is module


def test_a_function_that_uses_a_delayed_module_is_pickled_by_its_code(packages):
    names = {"whole": importlib.import_module("whole"), "__name__": "__main__"}
    exec("def use():\n    return whole.answer()\n", names)
    assert cloudpickle.loads(cloudpickle.dumps(names["use"]))() == 42


def test_what_is_not_installed_is_still_missing(packages):
    with pytest.raises(ModuleNotFoundError, match="not_installed"):
        importlib.import_module("not_installed")


def test_an_error_of_the_delayed_code_is_raised_at_each_use(packages):
    (packages / "gathering" / "single.py").write_text("raise ValueError('broken')\n")
    single = importlib.import_module("gathering.single")
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            single.name  # noqa: B018


def test_installing_twice_is_installing_once(packages):
    before = list(sys.meta_path)
    lazy_imports.install()
    assert sys.meta_path == before


@pytest.mark.slow
def test_no_name_of_a_delayed_package_hides_a_submodule():
    done = subprocess.run(program("gathered_names"), capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
