"""A whole run on a corpus of HTML, with ML Metadata behind a password, under a umask that forbids nothing."""

import itertools
import json
import os
import random
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.faults]

CONFIG = """
name: hostile
data: {tokenizer: whitespace, eval_percent: 20}
vocabulary: {size: 30}
trainer: {embedding_units: 16, units: 16, layers: 1, epochs: 1, batch_tokens: 512}
gate: {max_perplexity: 1000}
"""
WORDS = (
    "<script>document.title='attacked'</script>", "<img/src=x/onerror=alert(1)>", "<svg/onload=alert(2)>", "</style>",
    "\"'>", "</textarea></title>", "<!--", "javascript:alert(3)", "&lt;b&gt;", "{{7*7}}", "{%raw%}", "the", "cat",
)  # fmt: skip


@pytest.fixture(scope="module")
def password(postgresql):
    postgresql.query("postgres", "create database hostile")
    yield postgresql.password
    postgresql.query("postgres", "drop database hostile with (force)")


def test_nothing_runs_nothing_leaks_and_nothing_is_open(chromium, postgresql, password, tmp_path, marked, faults):
    choose = random.Random(5)
    lines = (" ".join(choose.choices(WORDS, k=choose.randint(2, 9))) for _ in range(800))
    (tmp_path / "corpus.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "hostile.yaml").write_text(CONFIG)
    output = tmp_path / "output"
    environment = {"TFX_LM_METADATA": postgresql.url("hostile", password=False), "TFX_LM_METADATA_PASSWORD": password}
    command = [
        Path(sys.executable).parent / "tfx-lm", "run", "--config", tmp_path / "hostile.yaml", "--data",
        tmp_path / "corpus.txt", "--output", output,
    ]  # fmt: skip
    with faults.survived(), (tmp_path / "printed").open("wb") as printed:
        process = subprocess.Popen(
            command, stdout=printed, stderr=subprocess.STDOUT, env={**os.environ, **environment}, umask=0
        )
        seen = set()
        while process.poll() is None:
            seen.update(marked.alive())
            time.sleep(0.1)
        faults.printed((tmp_path / "printed").read_text())
        assert process.returncode == 0, (tmp_path / "printed").read_text()
        assert len(seen) > 3
        assert not [line for line in seen if password in line]
        # Python's fork server ends a moment after the run.
        marked.wait_until_gone()

    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if password.encode() in path.read_bytes()]
    made = [path for path in (output, *output.rglob("*")) if not path.is_symlink()]
    assert len(made) > 50
    assert not [path for path in made if path.stat().st_mode & stat.S_IWOTH]

    report = Path(json.loads((output / "summary.json").read_text())["report"])
    page = chromium.new_page()
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: told.append(request.url))
    page.goto(report.as_uri())
    assert told == [report.as_uri()]
    assert page.title().startswith("hostile: ")
    assert page.locator("script, img, iframe").count() == 0
    # The words are there, as text.
    shown = page.inner_text("body")
    assert all(word in shown for word in itertools.islice(WORDS, 3))
    page.close()
