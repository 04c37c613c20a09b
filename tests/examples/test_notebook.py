"""The example notebook, run by a kernel as Jupyter does."""

import tempfile
from pathlib import Path

import pytest
import tfx_lm
from helpers.own_run import write_csv
from tfx_lm.exported import load

pytestmark = pytest.mark.slow

NOTEBOOK = Path(tfx_lm.__file__).parent / "examples" / "notebook.ipynb"


def read_notebook():
    # Imported here, since Jupyter's modules take a second of each process that collects the tests.
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells, source):
    """The HTML that the cell whose source ends with `source` showed."""
    (cell,) = [cell for cell in cells if cell.source.endswith(source)]
    pages = [output.data.get("text/html", "") for output in cell.outputs if "data" in output]
    return "\n".join(pages)


def test_no_outputs_are_stored():
    from nbformat import validate

    notebook = read_notebook()
    validate(notebook)
    assert [cell.outputs or cell.execution_count for cell in code_cells(notebook)] == [None] * 12


@pytest.mark.slow
def test_the_cells_show_the_results(tmp_path):
    from nbclient import NotebookClient
    from traitlets.config import Config

    write_csv(tmp_path / "data", 150)
    notebook = read_notebook()
    # Ports that Jupyter has found free may be taken when the kernel listens; a path is nobody else's, if it is short.
    with tempfile.TemporaryDirectory(prefix="tfx-lm-") as place:
        NotebookClient(
            notebook,
            timeout=500,
            startup_timeout=500,
            config=Config({"KernelManager": {"transport": "ipc", "ip": f"{place}/kernel"}}),
            resources={"metadata": {"path": str(tmp_path)}},
        ).execute()
    cells = code_cells(notebook)

    blessing = shown(cells, 'context.show(evaluator.outputs["blessing"])')
    assert "Blessed</p>" in blessing
    assert "<li>perplexity " in blessing
    assert "&lt;= max_perplexity 1000</li>" in blessing
    assert "<li>no baseline: the comparison was skipped</li>" in blessing

    evaluation = shown(cells, 'context.show(evaluator.outputs["evaluation"])')
    assert '<th scope="row">Bits per byte</th>' in evaluation
    assert "<bdi>sentence_length: 0 to 10</bdi>" in evaluation

    assert "<li>scores a sentence in " in shown(cells, 'context.show(serving_check.outputs["blessing"])')

    report = shown(cells, 'context.show(report.outputs["report"])')
    assert "<iframe" in report
    assert "&lt;h1&gt;notebook&lt;/h1&gt;" in report
    assert "<h1>" not in report
    assert set(load(tmp_path / "output" / "serving").loaded.signatures) >= {"evaluate", "score", "next_word"}
