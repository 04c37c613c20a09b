"""Runs commands of Kubeflow's containers, each in a process that is forked from this one, which has imported TFX.

Importing TFX takes ten seconds of a processor, too much for each of thirty containers. All else is as in a process of
its own: the environment, the folder, the output, the module that runs as `__main__`, its exit code. Nothing of this
package is imported before the fork, and TensorFlow is not used.

Reads a line of JSON for each command, `command`, `folder`, `environment` and `log`; answers with its exit code.
"""

import gc
import importlib
import json
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

PRELOADED = [
    "kfp.pipeline_spec.pipeline_spec_pb2",
    "tfx.components",
    "tfx.components.evaluator.executor",
    "tfx.components.example_gen.driver",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils",
    "tensorflow_transform.beam",
    "keras",
]
TIMEOUT = 600  # Seconds.
CONTEXT = multiprocessing.get_context("fork")

run_process = subprocess.run


def run(command: list[str]) -> None:
    """Runs `PYTHON -m MODULE ARGUMENTS` in this process, and the processes that it starts in forks of it."""
    python, option, module, *arguments = command
    assert (Path(python).name.startswith("python"), option) == (True, "-m"), command
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def replace_process(python: str, command: list[str]) -> None:
    """`os.execv` for a command of Python."""
    run([python, *command[1:]])
    sys.exit()


def run_child(command: list[str], **options: Any) -> subprocess.CompletedProcess:
    """`subprocess.run`, but for the driver, which the entry point starts: that is forked as well."""
    if command[:2] != [sys.executable, "-m"]:
        return run_process(command, **options)
    assert options == {"check": True}
    process = CONTEXT.Process(target=run, args=(command,))
    process.start()
    process.join()
    if process.exitcode:
        raise subprocess.CalledProcessError(process.exitcode, command)
    return subprocess.CompletedProcess(command, 0)


def contain(command: list[str], folder: str, environment: dict[str, str], log: str) -> None:
    """Becomes the process of a container."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = folder
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, target)
    os.execv, subprocess.run = replace_process, run_child  # type: ignore[assignment]
    run(command)


if __name__ == "__main__":
    # Collections of garbage, also later ones, would take time and copy the memory that forks share.
    gc.disable()
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    for line in sys.stdin:
        process = CONTEXT.Process(target=contain, kwargs=json.loads(line))
        process.start()
        process.join(TIMEOUT)
        # One that hangs fails.
        process.kill()
        process.join()
        print(process.exitcode, flush=True)
