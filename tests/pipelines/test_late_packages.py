"""Packages whose `__init__.py` runs late, also those of TFX, TFDV and TFMA in the versions that are installed."""

import importlib
import importlib.util
import json
import pickle
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest
import tfx_lm
from helpers.programs import program
from tfx_lm.pipelines import late_packages
from tfx_lm.pipelines.late_packages import LATE, packages_late

PACKAGE = """
from late_example import inner

runs = globals().get("runs", 0) + 1
__all__ = ["value"]
value = inner.value + 1
"""


@pytest.fixture
def late_example(tmp_path, monkeypatch):
    """A package of the name `late_example`, which was imported late."""
    folder = tmp_path / "late_example"
    folder.mkdir()
    (folder / "__init__.py").write_text(PACKAGE)
    (folder / "inner.py").write_text("value = 41\n")
    (folder / "alone.py").write_text("import late_example\nvalue = 1\n")
    (folder / "later.py").write_text("from late_example import value\n")
    (folder / "below").mkdir()
    (folder / "below" / "__init__.py").write_text("")
    (folder / "below" / "asking.py").write_text("import late_example\nvalue = late_example.value + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(late_packages, "LATE", ("late_example",))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    with packages_late():
        import late_example.below  # noqa: F401
        from late_example import alone
    assert alone.value == 1
    assert "runs" not in vars(alone.late_example)
    yield alone.late_example
    for name in [name for name in sys.modules if name.startswith("late_example")]:
        del sys.modules[name]


def test_the_first_name_that_is_read_runs_the_package_once(late_example):
    assert not hasattr(late_example, "__wrapped__")
    assert "runs" not in vars(late_example)
    assert late_example.value == 42
    import late_example as imported

    assert (imported is late_example, late_example.runs, type(late_example)) == (True, 1, types.ModuleType)
    assert (late_example.alone.value, late_example.inner.value) == (1, 41)
    assert late_example.__spec__.loader is late_example.__loader__


def test_a_later_import_runs_it(late_example):
    from late_example import value

    assert (value, late_example.runs) == (42, 1)


def test_a_module_below_finds_its_names_later(late_example):
    import late_example.later

    assert (late_example.later.value, late_example.runs) == (42, 1)


@pytest.fixture
def runs_what_asks_for_it(late_example):
    """`late_example.below.asking` asks for the package, which imports it."""
    init = Path(late_example.__file__)
    init.write_text(f"{init.read_text()}from late_example.below import asking\ntwice = 2 * asking.value\n")
    return late_example


def test_it_runs_before_a_module_below_that_it_imports_itself(runs_what_asks_for_it):
    import late_example.below.asking

    assert (late_example.below.asking.value, late_example.twice, late_example.runs) == (43, 86, 1)
    assert sys.modules["late_example.below.asking"] is late_example.below.asking
    assert late_example.below.asking.__spec__.loader is late_example.below.asking.__loader__
    assert type(late_example.below.asking.__loader__) is type(late_example.below.__loader__)


def test_to_look_for_a_module_below_runs_nothing(runs_what_asks_for_it):
    assert importlib.util.find_spec("late_example.below.asking") is not None
    assert "runs" not in vars(runs_what_asks_for_it)
    import late_example.below.asking

    assert late_example.below.asking.value == 43


def test_another_thread_may_import_while_it_runs(late_example, tmp_path):
    """The package waits for what another thread imports, which imports more meanwhile."""
    lines = ["import late_example_events", "late_example_events.begun.set()", "late_example_events.go_on.wait(60)"]
    (tmp_path / "late_example_slow.py").write_text("\n".join([*lines, "import late_example_more", "value = 1"]))
    (tmp_path / "late_example_more.py").write_text("")
    events = types.ModuleType("late_example_events")
    events.begun, events.go_on = threading.Event(), threading.Event()
    sys.modules["late_example_events"] = events
    init = Path(late_example.__file__)
    init.write_text(
        f"{init.read_text()}import late_example_events\nlate_example_events.go_on.set()\nimport late_example_slow\n"
    )
    slow = threading.Thread(target=lambda: importlib.import_module("late_example_slow"), daemon=True)
    package = threading.Thread(target=lambda: importlib.import_module("late_example.below.asking"), daemon=True)
    slow.start()
    assert events.begun.wait(60)
    package.start()
    for thread in (slow, package):
        thread.join(60)
        assert not thread.is_alive()
    assert sys.modules["late_example.below.asking"].value == 43


def test_a_name_that_it_lacks_is_an_error_as_ever(late_example):
    with pytest.raises(AttributeError, match="module 'late_example' has no attribute 'no_such_name'"):
        late_example.no_such_name  # noqa: B018
    with pytest.raises(ImportError, match="no_such_name"):
        from late_example import no_such_name  # noqa: F401


def test_all_of_its_names_and_a_list_of_them_run_it(late_example):
    assert "value" in dir(late_example)
    names = {}
    exec("from late_example import *", names)
    assert names["value"] == 42


def test_it_is_pickled_by_its_name(late_example):
    assert pickle.loads(pickle.dumps(late_example)) is late_example
    assert late_example.value == 42


def test_threads_get_the_whole_package(late_example):
    values = []
    threads = [threading.Thread(target=lambda: values.append(late_example.value)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (values, late_example.runs) == ([42] * 8, 1)


def test_another_package_runs_before_it(late_example, tmp_path, monkeypatch):
    lines = ["import late_example", "late_example.added = late_example.value"]
    (tmp_path / "first_late_example.py").write_text("\n".join(lines))
    monkeypatch.setattr(late_packages, "LATE", ("late_example", "first_late_example"))
    monkeypatch.setattr(late_packages, "FIRST", "first_late_example")
    with packages_late():
        import first_late_example  # noqa: F401
    assert (late_example.value, late_example.runs, late_example.added) == (42, 1, 42)
    del sys.modules["first_late_example"]


def test_another_package_runs_before_one_that_nobody_imported_late(tmp_path, monkeypatch):
    (tmp_path / "plain_example.py").write_text("value = 1\n")
    (tmp_path / "first_example.py").write_text("import plain_example\nplain_example.added = 2\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name, value in {"LATE": ("plain_example", "first_example"), "FIRST": "first_example"}.items():
        monkeypatch.setattr(late_packages, name, value)
    with packages_late():
        import first_example  # noqa: F401
    import plain_example

    assert (plain_example.value, plain_example.added) == (1, 2)
    for name in ("plain_example", "first_example"):
        del sys.modules[name]


@pytest.mark.slow
def test_each_executor_and_driver_is_imported_first():
    """A process of `tfx-lm run-node` imports those of its node alone. Here each is imported in a fork of its own."""
    components = Path(tfx_lm.__file__).parent / "components"
    ours = [
        f"tfx_lm.components.{path.parent.name}.{path.stem}"
        for kind in ("executor", "driver")
        for path in components.glob(f"*/{kind}.py")
    ]
    assert len(ours) > 12
    stock = [f"tfx.components.{name}.executor" for name in ("statistics_gen", "schema_gen", "example_validator")]
    command = program("late_executors", *sorted(ours), *stock)
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [], done.stderr


@pytest.mark.slow
def test_the_packages_of_tfx_have_the_same_names_late():
    """In fresh processes: what a node imports first, then all names of the three packages, late and as ever."""
    printed = {}
    for order in ("late", "early"):
        done = subprocess.run(program("late_names", order, *LATE), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        printed[order] = json.loads(done.stdout)
    before, late = printed["late"]
    early_before, early = printed["early"]
    assert (before, early_before) == ([], list(LATE))
    for package in LATE:
        assert {"EvalConfig", "StatsOptions", "Trainer"} & set(early[package]), package
        # Modules below a package are names of it too, once anything has imported them.
        assert set(early[package]) - set(late[package]) == set(), package
