"""The folder of pushed versions: whatever happens, a server finds whole versions only."""

import concurrent.futures
import contextlib
import errno
import os
import signal
import subprocess
import threading
import time

import pytest
from helpers.disk_events import note_disk_events
from helpers.programs import program
from tfx_lm.exported import versions
from tfx_lm.exported.rollback import RollbackError, rollback
from tfx_lm.file_lock import host_mark

# Two files that belong together; a version with different contents in them would be a mix.
FILES = ("saved_model.pb", "variables/variables.index")


def writer(content):
    def copy(folder):
        for name in FILES:
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)

    return copy


def contents(destination):
    """What a server would see: version → the content of its files, which must all be there and be the same."""
    found = {}
    for version in versions.list_versions(destination):
        texts = {(destination / str(version) / name).read_text() for name in FILES}
        assert len(texts) == 1
        found[version] = texts.pop()
    return found


def names(destination):
    return sorted(path.name for path in destination.iterdir())


def test_a_push_makes_the_folder_and_numbers_it_by_the_time(tmp_path):
    before = int(time.time())
    version = versions.push(tmp_path / "new" / "serving", writer("a"))
    assert before <= int(version.name) <= time.time()
    assert names(tmp_path / "new" / "serving") == [".lock", version.name]
    assert (version / FILES[1]).read_text() == "a"
    assert version.stat().st_mode & 0o777 == 0o777 & ~versions._umask()


def test_numbers_never_step_back(tmp_path):
    later = int(time.time()) + 1000
    (tmp_path / str(later)).mkdir()
    (tmp_path / f"withdrawn-{later + 5}").mkdir()
    assert versions.push(tmp_path, writer("a")).name == str(later + 6)
    assert versions.push(tmp_path, writer("b")).name == str(later + 7)


def test_a_copy_that_fails_leaves_nothing(tmp_path):
    def copy(folder):
        (folder / "saved_model.pb").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        versions.push(tmp_path, copy)
    assert names(tmp_path) == [".lock"]


def test_a_push_that_is_killed_leaves_nothing_that_a_server_loads_and_the_next_one_clears_up(tmp_path):
    process = subprocess.Popen(program("push_until_killed", tmp_path), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert versions.list_versions(tmp_path) == []
    assert len([name for name in names(tmp_path) if name.startswith(".pushing-")]) == 1
    version = versions.push(tmp_path, writer("whole"))
    assert names(tmp_path) == [".lock", version.name]


@pytest.mark.parametrize(("seconds", "stays"), [(3600.0, True), (48 * 3600.0, False)])
def test_a_push_of_another_host_whose_lock_is_not_seen_here_stays_for_a_day(tmp_path, seconds, stays):
    other = tmp_path / ".pushing-another0-x7c2"
    other.mkdir()
    os.utime(other, (time.time() - seconds,) * 2)
    versions.push(tmp_path, writer("a"))
    assert other.exists() == stays


def test_a_push_of_another_user_whose_folder_cannot_be_opened_stays(tmp_path, monkeypatch):
    other = tmp_path / f".pushing-{host_mark()}-x7c2"
    other.mkdir()
    lock = versions.lock

    # The system itself would not refuse root, as which the tests may run.
    def refuse(path, *args, **options):
        if path == other:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return lock(path, *args, **options)

    monkeypatch.setattr(versions, "lock", refuse)
    version = versions.push(tmp_path, writer("a"))
    assert names(tmp_path) == [".lock", other.name, version.name]
    assert versions.unrecorded_push(tmp_path, version, []) == version


def test_an_old_version_that_cannot_be_read_hides_no_unrecorded_push(tmp_path, monkeypatch):
    (tmp_path / "3").mkdir()
    version = versions.push(tmp_path, writer("a"))
    is_complete = versions.is_complete

    def refuse(folder):
        if folder == f"{tmp_path}/3":
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return is_complete(folder)

    monkeypatch.setattr(versions, "is_complete", refuse)
    assert versions.unrecorded_push(tmp_path, version, []) == version


def test_a_push_leaves_another_that_is_still_at_work_alone(tmp_path):
    started, other_is_done = threading.Event(), threading.Event()

    def slow(folder):
        started.set()
        assert other_is_done.wait(60)
        writer("slow")(folder)

    with concurrent.futures.ThreadPoolExecutor() as threads:
        push = threads.submit(versions.push, tmp_path, slow)
        started.wait()
        fast = versions.push(tmp_path, writer("fast"))
        other_is_done.set()
        slow_version = push.result()
    # The one that ended last is the newest.
    assert contents(tmp_path) == {int(fast.name): "fast", int(slow_version.name): "slow"}
    assert int(slow_version.name) > int(fast.name)


@pytest.mark.slow
def test_concurrent_pushes_never_mix(tmp_path):
    commands = [program("push_many", tmp_path, name) for name in ("a", "b")]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE) for command in commands]
    seen = set()
    while any(process.poll() is None for process in processes):
        for version in versions.list_versions(tmp_path):
            try:
                texts = {(tmp_path / str(version) / name).read_text() for name in FILES}
            except FileNotFoundError:
                # Pruned meanwhile, which takes the whole name away first.
                assert not (tmp_path / str(version)).exists()
                continue
            assert len(texts) == 1
            seen.add(version)
        if len(seen) > 3:
            for process in processes:
                process.stdin.close()
    assert [process.returncode for process in processes] == [0, 0]
    assert len(contents(tmp_path)) == 3
    assert len(names(tmp_path)) == 4


def test_while_a_push_looks_at_what_is_served_no_other_and_no_rollback_changes_it(tmp_path):
    for name in "ab":
        versions.push(tmp_path, writer(name))
    pushed, served = [], []

    def push(name):
        def check():
            before = versions.list_versions(tmp_path)
            time.sleep(0.005)
            served.append(before == versions.list_versions(tmp_path))

        for number in range(5):
            pushed.append(int(versions.push(tmp_path, writer(f"{name}{number}"), check=check).name))

    def roll_back():
        for _ in range(10):
            time.sleep(0.003)
            with contextlib.suppress(RollbackError):
                rollback(tmp_path)

    with concurrent.futures.ThreadPoolExecutor() as threads:
        for done in [*(threads.submit(push, name) for name in "cde"), threads.submit(roll_back)]:
            done.result()
    assert served == [True] * 15
    # No number is used twice, also not one that was withdrawn.
    assert len(set(pushed)) == 15
    assert set(pushed) <= {int(name.removeprefix(versions.WITHDRAWN)) for name in names(tmp_path) if name != ".lock"}
    assert len(contents(tmp_path)) + len(list(tmp_path.glob(f"{versions.WITHDRAWN}*"))) == 17


def test_files_and_folders_are_on_disk_before_the_rename(tmp_path, monkeypatch):
    events = note_disk_events(monkeypatch)
    version = versions.push(tmp_path, writer("a"))
    flushed, after = events[: events.index("rename")], events[events.index("rename") + 1 :]
    assert sorted(flushed) == sorted(path.stat().st_ino for path in (version, *version.rglob("*")))
    assert len(flushed) == 4
    assert after == [tmp_path.stat().st_ino]


def test_the_newest_versions_are_kept(tmp_path):
    pushed = [versions.push(tmp_path, writer(str(number)), keep=2).name for number in range(4)]
    assert names(tmp_path) == [".lock", *pushed[2:]]
    with pytest.raises(ValueError, match="keep=0: must be >= 1"):
        versions.push(tmp_path, writer("a"), keep=0)


def test_folders_that_hold_no_complete_version_do_not_count(tmp_path):
    for name in ("3", "4", "5", "7"):
        (tmp_path / name).mkdir()
        writer(name)(tmp_path / name)
    for name in ("4", "7"):
        (tmp_path / name / "saved_model.pb").unlink()
    version = versions.push(tmp_path, writer("new"), keep=2)
    assert names(tmp_path) == [".lock", version.name, "5", "7"]


def test_an_old_version_that_cannot_be_removed_is_a_warning(tmp_path, monkeypatch, caplog):
    for name in ("3", "4"):
        (tmp_path / name).mkdir()
        writer(name)(tmp_path / name)
    rename = versions.Path.rename

    def refuse(self, target):
        if self.name == "3":
            raise PermissionError("not yours")
        return rename(self, target)

    monkeypatch.setattr(versions.Path, "rename", refuse)
    version = versions.push(tmp_path, writer("new"), keep=1)
    assert contents(tmp_path) == {3: "3", int(version.name): "new"}
    assert f"{tmp_path}/3: cannot be removed (not yours)" in caplog.text


def test_a_rollback_withdraws_the_newest_and_a_push_goes_beyond_it(tmp_path):
    first, second, third = (int(versions.push(tmp_path, writer(name)).name) for name in "abc")
    assert rollback(tmp_path) == (tmp_path / str(second), [tmp_path / f"withdrawn-{third}"])
    assert contents(tmp_path) == {first: "a", second: "b"}
    assert rollback(tmp_path)[0] == tmp_path / str(first)
    with pytest.raises(RollbackError, match=rf"nothing to roll back to \(versions: {first}\)"):
        rollback(tmp_path)
    assert int(versions.push(tmp_path, writer("d"), keep=2).name) > third
    assert sorted(contents(tmp_path).values()) == ["a", "d"]
    assert not list(tmp_path.glob("withdrawn-*"))


def test_a_rollback_to_a_version(tmp_path):
    first, second, third = (int(versions.push(tmp_path, writer(name)).name) for name in "abc")
    newest, withdrawn = rollback(tmp_path, to=first)
    assert newest == tmp_path / str(first)
    assert withdrawn == [tmp_path / f"withdrawn-{third}", tmp_path / f"withdrawn-{second}"]
    with pytest.raises(RollbackError, match=rf"has no version {third} \(there are: {first}\)"):
        rollback(tmp_path, to=third)
    with pytest.raises(RollbackError, match="nowhere: no such folder"):
        rollback(tmp_path / "nowhere")
