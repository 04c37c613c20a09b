"""Pickles of Beam without compression."""

import base64
import bz2
import logging
import random

import pytest
from apache_beam.internal import cloudpickle_pickler, dill_pickler
from tfx_lm.components.in_process import stays_in_process
from tfx_lm.pipelines.beam.arguments import beam_arguments
from tfx_lm.pipelines.beam.options import BeamConfig
from tfx_lm.pipelines.beam.plain_pickles import plain_pickles


@pytest.fixture(autouse=True)
def plain():
    """Pickles are plain in these tests."""
    with plain_pickles():
        yield


PICKLERS = pytest.mark.parametrize("pickler", [dill_pickler, cloudpickle_pickler])


@PICKLERS
def test_a_pickle_is_as_it_is_and_can_be_read(pickler):
    value = {"cat": [1, 2], "functions": (len, test_a_pickle_is_as_it_is_and_can_be_read)}
    pickled = pickler.dumps(value)
    assert base64.b64decode(pickled)[:1] == b"\x80"
    assert pickler.loads(pickled) == value
    assert pickler.loads(pickler.dumps(value, use_zlib=True), use_zlib=True) == value


@PICKLERS
def test_a_large_pickle_is_compressed(pickler):
    for value, compressed in ((bytes(1 << 20), True), (random.Random(1).randbytes(1000), False)):
        pickled = pickler.dumps(value)
        assert (base64.b64decode(pickled)[:3] == b"BZh") is compressed
        assert pickler.loads(pickled) == value


@PICKLERS
def test_compressed_pickles_of_others_are_read(pickler):
    pickled = base64.b64encode(bz2.compress(base64.b64decode(pickler.dumps(["the", "cat"]))))
    assert pickler.loads(pickled) == ["the", "cat"]


@pytest.mark.parametrize(
    ("config", "stays"),
    [
        ({}, True),
        ({"args": ["--parallelism=4"]}, True),
        ({"args": ["--direct_running_mode=multi_processing"]}, False),
        ({"args": ["--direct_num_workers=2"]}, False),
        ({"runner": "flink", "job_server": "localhost:8099"}, False),
        (
            {"runner": "dataflow", "args": ["--project=a", "--region=b", "--temp_location=gs://c"]},
            False,
        ),
    ],
)
def test_only_a_pipeline_of_one_process_has_plain_pickles(config, stays):
    assert stays_in_process(beam_arguments(BeamConfig(**config))) is stays


def test_arguments_without_a_runner_are_those_of_an_unknown_one():
    assert not stays_in_process([])
    assert stays_in_process([], without_runner=True)
    assert not stays_in_process(["--direct_num_workers=2"], without_runner=True)
    assert not stays_in_process(["--runner=DirectRunner"])
    assert not stays_in_process(["--runner=a.FnApiRunner", "--runner=PortableRunner"])
    assert not stays_in_process(["--runner=a.FnApiRunner", "--runner", "PortableRunner"])


def test_the_level_of_dills_log_is_set_only_if_it_is_another(monkeypatch):
    log, set_level, levels = logging.getLogger("dill"), logging.Logger.setLevel, []
    monkeypatch.setattr(logging.Logger, "setLevel", lambda self, level: (levels.append(level), set_level(self, level)))
    dill_pickler.loads(dill_pickler.dumps(["the", "cat"]))
    assert (levels, log.level) == ([], logging.WARNING)
    # Beam traces a pickle that failed.
    with pytest.raises(TypeError, match="generator"):
        dill_pickler.dumps(letter for letter in "cat")
    assert (levels, log.level) == ([logging.INFO, logging.WARNING], logging.WARNING)


def test_afterwards_pickles_are_as_before(monkeypatch):
    monkeypatch.setattr(cloudpickle_pickler, "bz2", bz2)
    with plain_pickles():
        assert cloudpickle_pickler.bz2 is not bz2
    assert cloudpickle_pickler.bz2 is bz2
