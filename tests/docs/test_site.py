"""The documentation site: it builds without a warning, and its references are complete."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import tfx_lm
from helpers.configuration_keys import dotted_keys
from tfx_lm.cli.cli import COMMANDS
from tfx_lm.pipelines.config import PipelineConfig

ROOT = Path(tfx_lm.__file__).resolve().parent


def hook(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def configuration() -> dict[str, list[str]]:
    """The cells (value, default, meaning) of each key in the configuration reference."""
    lines = hook("configuration_reference").page().splitlines()
    rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines if line.startswith("| `")]
    return {key.strip("`"): cells for key, *cells in rows}


def test_each_key_has_a_value_a_default_and_a_meaning(configuration):
    assert sorted(configuration) == sorted(dotted_keys(PipelineConfig))
    incomplete = [key for key, cells in configuration.items() if len(cells) != 3 or not all(map(str.strip, cells))]
    assert incomplete == []


def test_keys_are_described_as_they_are(configuration):
    assert configuration["data.eval_percent"][:2] == ["integer ≥ 1 ≤ 99", "`10`"]
    assert configuration["data.max_length"][:2] == ["`auto`, or integer ≥ 2", '`"auto"`']
    assert configuration["vocabulary.size"][:2] == ["integer ≥ 1, or null", "`10000`"]
    assert configuration["trainer.optimizer"][:2] == ["`adamw` or `sgd`", '`"adamw"`']
    assert configuration["pusher.keep_versions"][2] == "How many undamaged versions to keep, the newest; null: all."
    # A comment of two lines.
    assert configuration["gate.tolerance"][1] == "`0.005`"
    assert "over the same sentences, relative: 0.005 = 0.5 %; 0 = it must be" in configuration["gate.tolerance"][2]


def test_each_command_is_described_with_its_options():
    page = hook("command_reference").page()
    assert re.findall(r"^## tfx-lm (.*)$", page, flags=re.MULTILINE) == list(COMMANDS)
    assert "Usage: tfx-lm run [OPTIONS]" in page
    assert "--require-push" in page


def test_every_page_is_in_the_navigation():
    listed = re.findall(r"[:-] (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    generated = {"reference/configuration.md", "reference/commands.md"}
    repository = {"index.md" if page == "README.md" else page for page in hook("repository_pages").repository_pages()}
    assert sorted(listed) == sorted(written | generated | repository)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    api = (tmp_path / "reference" / "api" / "components.html").read_text(encoding="utf-8")
    assert 'id="tfx_lm.components.trainer.component.MaskedTrainer"' in api
    pages = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")]
    assert len(pages) > 30
    # Mermaid's text is drawn, and GitHub's block is gone.
    start = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<svg id="diagram-' in start
    assert "flowchart TB" not in start
    # A page loads nothing from elsewhere.
    loads = re.compile(r'<(?:script|link|img)[^>]*(?:src|href)="https?://[^"]*"')
    assert [tag for text in pages for tag in loads.findall(text)] == []


def test_what_large_corpora_need_is_computed_from_the_slopes():
    rows = [
        {"stage": "Transform", "scale": scale, "words": words, "wall_seconds": 5.0 + words / 1e6,
         "processor_seconds": 5.0 + 2 * words / 1e6, "peak_megabytes": 700.0 + scale, "disk_megabytes": words * 3 / 1e6,
         "microseconds_per_word": 2.0 if scale > 1 else None}
        for scale, words in ((1, 1_000_000), (4, 4_000_000))
    ]  # fmt: skip
    sizes = {"lines": 10, "words": 20, "distinct": 5, "megabytes": 0.25}
    machine = {"cores": 2, "system": "Linux", "python": "3.10", "tensorflow": "2.16.2", "load_average_before": 0.05}
    report = {"figures": {"date": "2026-11-26", "corpora": {"1": sizes}, "rows": rows}, "machine": machine}
    tables = hook("scale_tables").tables_of(report)
    last = {name: table.splitlines()[-1] for name, table in tables.items()}
    assert last["slopes"] == "| Transform | 5.0 | 2.00 | 3.00 | 704 |"
    # 1e9 words at 2 µs are 0.56 hours.
    assert last["here"] == "| Transform | 0.6 | 3.0 | 5.6 | 30.0 |"
    # At 2 µs of a processor, 5.6 hours are the work of 6 workers for an hour.
    assert last["cluster"] == "| Transform | 0.6 | 1 | 5.6 | 6 |"
    places = re.findall(r"<!-- scale: (\w+) -->", (ROOT / "docs" / "scale.md").read_text(encoding="utf-8"))
    assert sorted(places) == sorted(tables)
