"""The public names of `tfx_lm.exported`."""

import subprocess
import sys

import pytest
from tfx_lm import exported


def test_each_public_name_is_there():
    assert set(exported.__all__) == set(dir(exported)) == set(exported._DEFINITIONS)
    assert all(callable(getattr(exported, name)) for name in exported.__all__)
    with pytest.raises(AttributeError, match=r"module 'tfx_lm.exported' has no attribute 'nothing'"):
        exported.nothing  # noqa: B018


def test_scores_and_comparisons(bigram_model, uniform_model):
    models = [exported.load(path) for path in (bigram_model, uniform_model)]
    (line,) = exported.score(models[0], [b"the cat"])
    assert line.sums.tokens == 3
    assert exported.compare(*models, [b"the cat"]).total.baseline.totals.perplexity == pytest.approx(16)
    assert exported.complete(models[0], "the", 1, temperature=0) == "the cat"


def test_importing_the_package_imports_no_tensorflow():
    script = "import sys, tfx_lm.exported\nassert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
