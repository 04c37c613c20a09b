import io
import sys

import click
from tfx_lm.cli.terminal_encoding import show_what_the_terminal_can


def test_letters_that_the_terminal_lacks_are_replaced(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)
    show_what_the_terminal_can()
    click.echo("naïve “word”")
    terminal.flush()
    assert terminal.buffer.getvalue() == "naïve ?word?\n".encode("latin-1")
