"""Uses a delayed package in one thread while another imports its submodule; ends with their stacks if both wait.

The argument is a folder with the package `whole`, whose code imports `between_threads` and then `.part`.
"""

import faulthandler
import importlib
import sys
import threading
import types

from tfx_lm import lazy_imports

faulthandler.dump_traceback_later(120, exit=True)
sys.path.insert(0, sys.argv[1])
lazy_imports._WHOLE = frozenset({"whole"})
lazy_imports.install()
package = importlib.import_module("whole")
runs, waits = threading.Event(), threading.Event()
results: dict[str, object] = {}
run = lazy_imports._Delayed.run


def told_run(delayed, module):
    if runs.is_set():
        waits.set()
    run(delayed, module)


def between_threads():
    """The package's code is halfway; the other thread is about to wait for its end."""
    runs.set()
    waits.wait()


def use_package():
    results["answer"] = package.answer()


def import_submodule():
    runs.wait()
    results["runs"] = importlib.import_module("whole.part").runs


stand_in = types.ModuleType("between_threads")
setattr(stand_in, "meet", between_threads)  # noqa: B010
sys.modules["between_threads"] = stand_in
setattr(lazy_imports._Delayed, "run", told_run)  # noqa: B010
threads = [threading.Thread(target=use_package), threading.Thread(target=import_submodule)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(results["answer"], results["runs"])
