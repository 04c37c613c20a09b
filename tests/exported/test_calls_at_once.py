"""Calls of a model side by side: as many as there are cores, their outputs in the order of the batches."""

import subprocess
import threading
import time

import joblib
import numpy as np
import pytest
from helpers.programs import program
from tfx_lm.exported.calls_at_once import MOST_CALLS_AT_ONCE, call_for_each

BATCHES = [np.array([4, 1]), np.array([0]), np.array([2, 3])]


@pytest.fixture
def cores(monkeypatch):
    """Sets the number of cores that this process may use."""

    def use(count):
        monkeypatch.setattr(joblib, "cpu_count", lambda: count)

    return use


def test_outputs_come_in_the_order_of_the_batches(cores):
    cores(2)
    second_is_done = threading.Event()

    def call(rows):
        if rows[0] == 4:
            assert second_is_done.wait(60)
        else:
            second_is_done.set()
        return rows * 10

    called = [(rows.tolist(), outputs.tolist()) for rows, outputs in call_for_each(call, BATCHES)]
    assert called == [([4, 1], [40, 10]), ([0], [0]), ([2, 3], [20, 30])]


@pytest.mark.parametrize(("count", "most"), [(1, 1), (2, 2), (64, MOST_CALLS_AT_ONCE)])
@pytest.mark.parametrize("callers", [1, 3])
def test_as_many_calls_at_once_as_cores_whoever_calls(cores, count, most, callers):
    cores(count)
    # As many calls as may run at once wait for each other, and then for others that should not begin.
    together, running, seen, lock = threading.Barrier(most, timeout=60), set(), [], threading.Lock()

    def call(rows):
        with lock:
            running.add(threading.get_ident())
        together.wait()
        time.sleep(0.01)
        with lock:
            seen.append(len(running))
            running.discard(threading.get_ident())

    def call_for_all():
        assert len(list(call_for_each(call, [np.array([row]) for row in range(2 * most)]))) == 2 * most

    threads = [threading.Thread(target=call_for_all) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2 * most * callers
    assert max(seen) == most


def test_an_error_of_a_call_is_the_callers(cores):
    cores(2)
    with pytest.raises(ZeroDivisionError):
        list(call_for_each(lambda rows: 1 // int(rows[0] == 0), [np.array([0]), np.array([1])]))


def test_no_batch():
    assert list(call_for_each(lambda rows: rows, [])) == []


@pytest.mark.parametrize(
    ("before", "cores", "variables", "expected"),
    [
        ("nothing", 2, {}, 1),
        ("nothing", MOST_CALLS_AT_ONCE, {}, 1),
        # Fewer threads than cores would leave cores idle, since all operations share them.
        ("nothing", 8, {}, 0),
        ("set", 2, {}, 3),
        ("at work", 2, {}, 0),
        ("on a GPU", 2, {}, 0),
        ("nothing", 2, {"TF_NUM_INTRAOP_THREADS": "5"}, 0),
    ],
)
def test_operations_have_one_thread_if_calls_keep_all_cores_busy(
    before, cores, variables, expected, forked_python, monkeypatch
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    command = program("one_thread_for_each_call", before, cores, python=forked_python)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected}\n"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["score", "compare"])
def test_a_command_sets_it_before_tensorflow_is_at_work(command, bigram_model, forked_python):
    models = [bigram_model] * (2 if command == "compare" else 1)
    done = subprocess.run(
        program("threads_after_command", command, *models, python=forked_python), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
