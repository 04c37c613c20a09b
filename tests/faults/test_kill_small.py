"""SIGKILL within a write, a push and a run, at moments that programs wait at: the quick half."""

import os
import shutil
import signal
import subprocess
import threading
import time

import ml_metadata
import pytest
from helpers.complete_versions import complete_versions
from helpers.programs import program
from ml_metadata.proto import metadata_store_pb2
from tfx_lm import atomic_file
from tfx_lm.components.serving_check.process import PROBE
from tfx_lm.exported import versions
from tfx_lm.pipelines.metadata.metadata_store import connection_config

pytestmark = pytest.mark.slow

STATES = metadata_store_pb2.Execution


def kill_within(name: str, *arguments: object) -> None:
    """Starts a program that stops within its work, and kills it there."""
    process = subprocess.Popen(program(name, *arguments), stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "within\n"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def test_a_kill_within_a_checkpoint_leaves_the_one_before(tmp_path, faults, marked):
    checkpoint = tmp_path / "training-0123456789abcdef.npz"
    atomic_file.write_bytes(checkpoint, b"old")
    with faults.survived():
        kill_within("stop_within_write", checkpoint)
        faults.left_behind(marked.alive())
        assert len(list(tmp_path.iterdir())) == 2
        faults.lost([path for path in (checkpoint,) if path.read_bytes() != b"old"])
        atomic_file.write_bytes(checkpoint, b"new")
        assert list(tmp_path.iterdir()) == [checkpoint]
        assert checkpoint.read_bytes() == b"new"


def test_a_kill_within_a_push_shows_no_part_of_a_model(tmp_path, faults, marked):
    model, serving = tmp_path / "model", tmp_path / "serving"
    (model / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        (model / name).write_text("old")
    old = versions.push(serving, lambda folder: shutil.copytree(model, folder, dirs_exist_ok=True))
    seen, end = set(), threading.Event()

    def poll():
        while not end.is_set():
            seen.update(complete_versions(str(serving)))
            time.sleep(0.001)

    server = threading.Thread(target=poll)
    server.start()
    with faults.survived():
        try:
            (model / "saved_model.pb").write_text("new")
            kill_within("stop_within_push", model, serving)
            faults.left_behind(marked.alive())
            assert len(list(serving.glob(".pushing-*"))) == 1
        finally:
            end.set()
            server.join()
        assert seen == {str(old)}
        faults.lost([path for path in (old / "saved_model.pb",) if path.read_text() != "old"])
        assert versions.unrecorded_push(serving, model, []) is None
        new = versions.push(serving, lambda folder: shutil.copytree(model, folder, dirs_exist_ok=True))
        assert complete_versions(str(serving)) == [str(new), str(old)]
        assert list(serving.glob(".pushing-*")) == []


@pytest.mark.parametrize("whole_group", [True, False], ids=["group", "parent"])
def test_a_run_that_is_killed_within_a_node_goes_on(small_nodes, tmp_path, faults, marked, whole_group):
    command = program("run_small_nodes", tmp_path, "sleeping")
    with faults.survived():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        deadline = time.monotonic() + 120
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        if whole_group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate(timeout=60)
        marked.wait_until_gone()
        (tmp_path / "hurry").touch()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        faults.printed(done.stdout + done.stderr)
        marked.wait_until_gone()
        faults.left_behind(marked.alive())

    store = ml_metadata.MetadataStore(connection_config(f"sqlite:///{tmp_path}/metadata.sqlite"))
    executions = sorted(store.get_executions(), key=lambda execution: execution.id)
    assert [execution.last_known_state for execution in executions] == [
        STATES.COMPLETE,
        STATES.FAILED,
        STATES.CACHED,
        STATES.COMPLETE,
    ]
    made = tmp_path / "artifacts" / "Sleep" / "made"
    assert [folder.name for folder in made.iterdir()] == [str(executions[-1].id)]
    assert list((tmp_path / "artifacts" / ".running").iterdir()) == []


def test_the_process_of_the_serving_check_ends_with_a_caller_that_is_killed(tmp_path, faults, marked):
    wait = f"    Path({str(tmp_path / 'started')!r}).touch()\n    time.sleep(300)\n    result = probe("
    probe = tmp_path / "probe.py"
    probe.write_text(PROBE.read_text().replace("    result = probe(", wait))
    with faults.survived():
        process = subprocess.Popen(program("wait_for_probe", probe))
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert len(marked.alive()) == 2
        process.kill()
        process.wait()
        marked.wait_until_gone()
        faults.left_behind(marked.alive())
