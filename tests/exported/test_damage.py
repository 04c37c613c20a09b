"""Damage of exported models: found by sums, and without them by the checksums of the variables."""

import errno
import shutil
import subprocess
from pathlib import Path

import pytest
import tensorflow as tf
from tfx_lm.exported import damage as damage_module
from tfx_lm.exported.damage import FILE, UnreadableError, changed_file, damage, write_sums
from tfx_lm.exported.exported_model import load_model
from tfx_lm.exported.signatures import check_evaluation

VARIABLES = "variables/variables.data-00000-of-00001"


@pytest.fixture
def model(uniform_model, tmp_path) -> Path:
    shutil.copytree(uniform_model, tmp_path / "7")
    (tmp_path / "7" / FILE).unlink(missing_ok=True)
    return tmp_path / "7"


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [cut_off, flip_a_bit, Path.unlink])
def test_sums_tell_damage_of_every_file(model, harm):
    write_sums(str(model))
    names = [line.split("  ")[1] for line in (model / FILE).read_text().splitlines()]
    assert {"saved_model.pb", "variables/variables.index", VARIABLES} < set(names)
    assert FILE not in names
    assert damage(str(model)) is changed_file(str(model)) is None
    for name in names:
        content = (model / name).read_bytes()
        if not content:
            continue
        harm(model / name)
        problem = "is missing" if harm is Path.unlink else "has changed since it was written"
        assert changed_file(str(model)) == f"{name} {problem}"
        assert damage(str(model)) is not None
        (model / name).write_bytes(content)
    (model / "assets.extra" / "notes.txt").write_text("of the user")
    assert damage(str(model)) is None


@pytest.mark.parametrize("left", [0, 40, 70])
def test_sums_that_are_cut_off_are_damage(model, left):
    write_sums(str(model))
    (model / FILE).write_bytes((model / FILE).read_bytes()[:left])
    assert damage(str(model)) is not None


def test_the_program_sha256sum_reads_the_sums(model):
    write_sums(str(model))
    check = ["sha256sum", "--check", "--quiet", FILE]
    assert subprocess.run(check, cwd=model).returncode == 0
    cut_off(model / VARIABLES)
    assert subprocess.run(check, cwd=model, capture_output=True).returncode == 1


@pytest.mark.parametrize("harm", [cut_off, flip_a_bit])
def test_without_sums_the_variables_are_read(model, harm):
    assert damage(str(model)) is changed_file(str(model)) is None
    harm(model / VARIABLES)
    assert damage(str(model)).startswith("it cannot be read (")
    assert changed_file(str(model)) is None


def test_without_sums_the_graph_is_read(model):
    (model / "saved_model.pb").write_bytes(b"\xffgarbage")
    assert "saved_model.pb: damaged, not a SavedModel" in damage(str(model))


def test_a_missing_part_of_the_variables(model):
    (model / VARIABLES).rename(model / VARIABLES.replace("-of-00001", "-of-00002"))
    assert damage(str(model)) == "a file is missing: saved_model.pb, variables.index or a part of the variables"


def test_a_linked_subfolder_is_no_damage(model, tmp_path):
    write_sums(str(model))
    (model / "variables").rename(tmp_path / "elsewhere")
    (model / "variables").symlink_to(tmp_path / "elsewhere")
    assert damage(str(model)) is changed_file(str(model)) is None
    flip_a_bit(tmp_path / "elsewhere" / Path(VARIABLES).name)
    assert changed_file(str(model)) == f"{VARIABLES} has changed since it was written"


def test_a_damaged_model_is_not_loaded(model):
    write_sums(str(model))
    flip_a_bit(model / "saved_model.pb")
    changed = r"7: cannot be loaded \(saved_model.pb has changed since it was written\); push the model again"
    with pytest.raises(ValueError, match=changed):
        load_model(model, signatures=())


def test_a_damaged_model_is_not_evaluated(model):
    write_sums(str(model))
    cut_off(model / VARIABLES)
    with pytest.raises(ValueError, match=rf"^baseline {model}: .*{VARIABLES} has changed .*start without it"):
        check_evaluation(str(model), "baseline", None)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), True),
        (tf.errors.DataLossError(None, None, "wrong bits"), True),
        (PermissionError(errno.EACCES, "Permission denied"), False),
        (OSError(errno.EMFILE, "Too many open files"), False),
        (tf.errors.UnavailableError(None, None, "no answer"), False),
    ],
)
def test_what_cannot_be_read_now_is_not_taken_for_damaged(model, error, told, monkeypatch):
    """Otherwise a candidate would be compared with an older model than the one that is served."""
    write_sums(str(model))

    def fail(path):
        raise error

    monkeypatch.setattr(damage_module, "changed_file", fail)
    if told:
        assert damage(str(model)).startswith("it cannot be read (")
    else:
        with pytest.raises(UnreadableError, match=rf"^{model}: cannot be read .*; make it readable, then try again"):
            damage(str(model))
