import io
import re
import subprocess

from helpers.programs import program
from rich.console import Console
from rich.table import Table
from tfx_lm.pipelines.local.terminal import RunDisplay, plain_console


def test_only_results_reach_the_terminal(tmp_path):
    log = tmp_path / "run.log"
    done = subprocess.run(program("make_noise", log), capture_output=True, text=True, check=True)
    assert done.stdout == "before\nresult\nafter\n"
    assert done.stderr == ""
    assert log.read_text() == "c++ noise\npython noise\n" or log.read_text() == "python noise\nc++ noise\n"


def test_texts_are_shown_as_they_are():
    stream = io.StringIO()
    console = plain_console(stream)
    table = Table("Text")
    table.add_row("[/b] :smile:")
    console.print("shape [batch, time] of [/tmp/x]", table)
    assert "shape [batch, time] of [/tmp/x]" in stream.getvalue()
    assert "[/b] :smile:" in stream.getvalue()


def test_a_node_that_ended_leaves_a_line():
    stream = io.StringIO()
    display = RunDisplay(Console(file=stream, width=80))
    with display.shown():
        display.started("Trainer")
        display.reported("Trainer", "epoch 1/2", 0.5)
        display.ended("Trainer", "COMPLETE", 12.34)
    assert stream.getvalue() == "✓ Trainer                        COMPLETE     12.3 s\n"


def test_a_terminal_that_is_not_utf_8_gets_ascii():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="replace")
    console = plain_console(stream)
    RunDisplay(console).ended("Trainer", "COMPLETE", 12.34)
    console.print(Table("Node"))
    stream.flush()
    text = stream.buffer.getvalue().decode("latin-1")
    assert text.startswith("+ Trainer")
    assert "| Node |" in text


def test_a_skipped_node_stands_in_the_table_alone():
    stream = io.StringIO()
    RunDisplay(Console(file=stream, width=80)).ended("Trainer", "SKIPPED", 0.0)
    assert stream.getvalue() == ""


def test_a_terminal_shows_what_each_working_node_reports():
    stream = io.StringIO()

    def shown():
        """Returns all lines so far, also overwritten ones, without cursor movements."""
        lines = re.sub(r"\x1b\[[0-9?]*[a-zA-Z]", "", stream.getvalue()).splitlines()
        return [line for line in lines if line]

    display = RunDisplay(Console(file=stream, width=100, force_terminal=True, color_system=None))
    with display.shown():
        display.started("Trainer")
        display.started("Evaluator")
        display.reported("Trainer", "epoch 1/2  [loss] 5.00", 0.5)
        display.reported("Evaluator", "scoring " + "far " * 30, None)
        trainer, evaluator = shown()[-2:]
        assert re.fullmatch(r"… Trainer {24}0:00:\d\d ━{10} {11}epoch 1/2  \[loss\] 5.00 +", trainer)
        assert re.fullmatch(r"… Evaluator {22}0:00:\d\d .{20} scoring far far far far far far far f…", evaluator)
        display.reported("Trainer", "exports", None)
        assert re.fullmatch(r"… Trainer {24}0:00:\d\d ━{10} {11}exports +", shown()[-2])
        display.ended("Trainer", "COMPLETE", 12.34)
        assert "✓ Trainer                        COMPLETE     12.3 s" in (line.rstrip() for line in shown())
