"""The README's example runs."""

import re
import shutil
from pathlib import Path

import pytest
from tfx_lm import exported

pytestmark = pytest.mark.slow


def test_the_example(bigram_model, tmp_path, monkeypatch, capsys):
    shutil.copytree(bigram_model, tmp_path / "output" / "serving" / "7")
    (tmp_path / "text.txt").write_text("the cat\n")
    monkeypatch.chdir(tmp_path)
    readme = Path(exported.__file__).with_name("README.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    exec(compile(block, "exported/README.md", "exec"), {})
    (line,) = capsys.readouterr().out.splitlines()
    assert "'tokens': 3" in line
