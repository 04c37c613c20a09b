"""Nodes of a small pipeline: a module of its own, since the processes that run nodes import them by name.

It does not import `tfx.v1`, which brings Google's clients with it: half of the time of a process that runs a node.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Before anything here imports TFX.
READY = "tfx.orchestration.portable.launcher" in sys.modules

import tensorflow as tf
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.experimental.conditionals.conditional import Cond
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.pipeline import Pipeline
from tfx.types.standard_artifacts import Examples, Float, Integer, String
from tfx_lm import progress


@component
def Number(value: Parameter[int], made: OutputArtifact[Integer]):
    made.value = value


@component
def Begin(unless: Parameter[str], made: OutputArtifact[Integer]):
    if not Path(unless).exists():
        raise ValueError("nothing begins")
    made.value = 1


@component
def Wait(
    number: InputArtifact[Integer], seconds: Parameter[float], started: Parameter[str], made: OutputArtifact[Integer]
):
    end, hurry = time.monotonic() + seconds, Path(started).with_name("hurry")
    Path(started).touch()
    while time.monotonic() < end and not hurry.exists():
        time.sleep(0.02)
    made.value = 1


@component
def Fail(number: InputArtifact[Integer], unless: Parameter[str], made: OutputArtifact[Integer]):
    if not Path(unless).exists():
        raise ValueError("the number is bad")
    made.value = 1


@component
def Double(number: InputArtifact[Integer], made: OutputArtifact[Integer]):
    number.read()
    made.value = 2 * number.value


@component
def Die(number: InputArtifact[Integer], made: OutputArtifact[Integer]):
    os.kill(os.getpid(), signal.SIGKILL)


@component
def Stubborn(number: InputArtifact[Integer], started: Parameter[str], made: OutputArtifact[Integer]):
    """Ignores SIGTERM, as TensorFlow's preemption notifier does, and has a child that does so, too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"])
    Path(started).touch()
    child.wait()


@component
def Swallow(number: InputArtifact[Integer], started: Parameter[str], made: OutputArtifact[Integer]):
    """Swallows every exception, as Beam does while it unpickles."""
    while True:
        try:
            Path(started).touch()
            time.sleep(300)
        except BaseException:
            print("swallowed")


@component
def Orphan(number: InputArtifact[Integer], outlived: Parameter[str], made: OutputArtifact[Integer]):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(5.0)
    Path(outlived).touch()


@component
def Speak(number: InputArtifact[Integer], made: OutputArtifact[Integer]):
    progress.report("half of it", 0.5)
    made.value = tf.config.threading.get_intra_op_parallelism_threads()


@component
def Three(
    number: InputArtifact[Integer],
    unless: Parameter[str],
    whole: OutputArtifact[Integer],
    half: OutputArtifact[Float],
    name: OutputArtifact[String],
):
    if not Path(unless).exists():
        raise ValueError(chr(34) + "three" + chr(92) + chr(10) + "na" + chr(239) + "ve: it's {bad}")
    number.read()
    whole.value, half.value, name.value = number.value, number.value / 2, "three"


@component
def Shards(number: InputArtifact[Integer], count: Parameter[int], made: OutputArtifact[Examples]):
    for index in range(count):
        Path(made.uri, f"part-{index}-of-{count}").touch()


@component
def Check(
    whole: InputArtifact[Integer],
    half: InputArtifact[Float],
    name: InputArtifact[String],
    made: OutputArtifact[Integer],
):
    for artifact in (whole, half, name):
        artifact.read()
    assert (whole.value, half.value, name.value) == (1, 0.5, "three")
    made.value = 1


def with_three_outputs(number, folder):
    three = Three(number=number, unless=str(folder / "mended"))
    return three, Check(whole=three.outputs["whole"], half=three.outputs["half"], name=three.outputs["name"])


def shards(count):
    return lambda number, folder: [Shards(number=number, count=count)]


def is_fresh():
    """Whether TFX is there without having been imported here, and TensorFlow's threads can still be set."""
    tf.config.threading.set_intra_op_parallelism_threads(1)  # An error where TensorFlow has been at work.
    return READY


def pipeline_of(folder: Path, connection, *makers):
    """Number, and the nodes that each maker makes of its output."""
    number = Number(value=1)
    made = [node for maker in makers for node in maker(number.outputs["made"], folder)]
    return _pipeline(folder, connection, number, *made)


def _pipeline(folder: Path, connection, *nodes):
    return Pipeline(
        pipeline_name="small",
        pipeline_root=str(folder / "artifacts"),
        metadata_connection_config=connection,
        components=list(nodes),
        enable_cache=True,
    )


def interrupted_pipeline(folder: Path, connection):
    """Begin, which fails until `mended` is there -> Wait, until `hurry` is there -> Double."""
    begin = Begin(unless=str(folder / "mended"))
    wait = Wait(number=begin.outputs["made"], seconds=300.0, started=str(folder / "started"))
    return _pipeline(folder, connection, begin, wait, Double(number=wait.outputs["made"]))


def waiting(name, seconds):
    return lambda number, folder: [Wait(number=number, seconds=seconds, started=str(folder / name)).with_id(name)]


def sleeping(number, folder):
    return [Wait(number=number, seconds=300.0, started=str(folder / "started")).with_id("Sleep")]


def killing_its_supervisor(number, folder):
    return [Orphan(number=number, outlived=str(folder / "outlived"))]


def stubborn(number, folder):
    return [Stubborn(number=number, started=str(folder / "started"))]


def swallowing(number, folder):
    return [Swallow(number=number, started=str(folder / "started"))]


def failing(number, folder):
    fail = Fail(number=number, unless=str(folder / "mended"))
    return fail, Double(number=fail.outputs["made"])


def dying(number, folder):
    return [Die(number=number)]


def speaking(number, folder):
    return [Speak(number=number)]


def pipeline(folder: Path, connection):
    """Number -> Wait, Stubborn, Fail -> Double, Missing (its driver fails), Never (behind a false condition)."""
    from tfx.components.example_gen.csv_example_gen.component import CsvExampleGen

    number = Number(value=RuntimeParameter(name="number", ptype=int, default=20))
    wait = Wait(number=number.outputs["made"], seconds=300.0, started=str(folder / "started"))
    stubborn = Stubborn(number=number.outputs["made"], started=str(folder / "started"))
    fail = Fail(number=number.outputs["made"], unless=str(folder / "mended"))
    double = Double(number=fail.outputs["made"])
    missing = CsvExampleGen(input_base=str(folder / "nothing")).with_id("Missing")
    with Cond(number.outputs["made"].future().value > 100):
        never = Double(number=number.outputs["made"]).with_id("Never")
    return _pipeline(folder, connection, number, wait, stubborn, fail, double, missing, never)
