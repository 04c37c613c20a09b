"""Beam's workers elsewhere read the pickles that the tests make."""

import bz2

import pytest
from apache_beam.internal import cloudpickle_pickler, dill_pickler


@pytest.fixture(autouse=True)
def compressed_pickles(monkeypatch):
    """Pickles as Beam makes them, which the other tests leave plain (`helpers/processor_time.py`)."""
    for pickler in (dill_pickler, cloudpickle_pickler):
        monkeypatch.setattr(pickler, "bz2", bz2)
