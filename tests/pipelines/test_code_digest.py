from pathlib import Path

import pytest
from tfx_lm.pipelines import code_digest as digest
from tfx_lm.pipelines.code_digest import NODE_CODE, code_digest


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(digest, "PACKAGE", tmp_path)
    for folder in (*NODE_CODE, "pipelines"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("x = 1\n")
    return tmp_path


def test_the_digest_is_a_function_of_the_source(package):
    before = code_digest()
    assert code_digest() == before
    (package / "components" / "a.py").write_text("x = 2\n")
    assert code_digest() != before
    (package / "components" / "a.py").write_text("x = 1\n")
    assert code_digest() == before


def test_adding_and_renaming_change_the_digest(package):
    before = code_digest()
    (package / "transform" / "a.py").rename(package / "transform" / "b.py")
    renamed = code_digest()
    assert renamed != before
    (package / "transform" / "c.py").write_text("")
    assert code_digest() not in (before, renamed)


def test_a_template_is_code(package):
    before = code_digest()
    (package / "components" / "page.html").write_text("<p>")
    assert code_digest() != before


def test_a_module_of_the_root_package_is_code(package):
    before = code_digest()
    (package / "settings.py").write_text("y = 1\n")
    assert code_digest() != before


def test_code_that_never_runs_inside_a_node_does_not_count(package):
    before = code_digest()
    (package / "pipelines" / "a.py").write_text("x = 3\n")
    (package / "setup.py").write_text("x = 3\n")
    (package / "exit_codes.py").write_text("x = 3\n")
    (package / "components" / "README.md").write_text("hello\n")
    assert code_digest() == before
