"""What errors call a setting: components its argument, in braces; only pipelines and commands know keys and options."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import tfx_lm
from helpers.configuration_keys import dotted_keys
from tfx_lm.cli.cli import COMMANDS, main
from tfx_lm.pipelines.config import PipelineConfig
from tfx_lm.pipelines.setting_names import YAML_KEYS

ROOT = Path(tfx_lm.__file__).parent
ROOMS = ("transform", "exported", "model", "components", "server")


def options() -> set[str]:
    """Every option of every command, such as `--top-k`."""
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in COMMANDS]
    return {flag for command in commands for part in command.params for flag in part.opts if flag.startswith("--")}


def any_of(names: set[str]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


KEYS = {key for key in dotted_keys(PipelineConfig) if "." in key}
SECTIONS = {key.partition(".")[0] for key in KEYS}
TOP_LEVEL = set(dotted_keys(PipelineConfig)) - KEYS
FORBIDDEN = {
    # `{}` stands for a value: `f"trainer.{name}"` makes a key.
    "a YAML key": rf"(?<![\w.])(?:(?:{any_of(KEYS)})\b|(?:{any_of(SECTIONS)})\.\{{)",
    # Of one word, so that only what calls it a setting counts.
    "a YAML key of the top level": rf"(?<![\w.{{])(?:set (?:{any_of(TOP_LEVEL)})\b|(?:{any_of(TOP_LEVEL)})=)",
    "a command's option": rf"(?<![\w-])(?:{any_of(options())})(?![\w-])",
}
# Within braces its reader's name can take the place of an argument.
BARE_ARGUMENT = rf"(?<![\w.{{])(?:set (?:{any_of(set(YAML_KEYS))})\b|(?:{any_of(set(YAML_KEYS))})=)"


def text_of(node: ast.AST) -> str | None:
    """A string of the code; of an f-string its template, with `{}` for each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The strings of the code, with their lines, without docstrings and other strings that nothing reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if (text := text_of(node)) is not None:
            yield node.lineno, text
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from texts(part)
        else:
            yield from texts(node)


def raised_texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            yield from texts(node)


def sources(room: str) -> list[tuple[str, ast.AST]]:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    return [(str(file.relative_to(ROOT)), ast.parse(file.read_text(encoding="utf-8"))) for file in files]


def found(room: str, pattern: str, texts_of) -> list[str]:
    return [
        f"{file}:{line}: {text}"
        for file, tree in sources(room)
        for line, text in texts_of(tree)
        if re.search(pattern, text)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("what", FORBIDDEN)
@pytest.mark.parametrize("room", ROOMS)
def test_no_text_of_a_component_names(room, what):
    assert found(room, FORBIDDEN[what], texts) == []


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_an_error_has_the_names_of_settings_in_braces(room):
    assert found(room, BARE_ARGUMENT, raised_texts) == []


@pytest.mark.parametrize(
    ("code", "whats"),
    [
        ('raise ValueError("set trainer.units")', ["a YAML key"]),
        ('raise ValueError(f"gate.{name}={value}")', ["a YAML key"]),
        ('REMEDY = "see kubeflow.trainer.cpu"', ["a YAML key"]),
        ('raise ValueError("x; set metadata")', ["a YAML key of the top level"]),
        ('raise ValueError(f"output={output}: a folder")', ["a YAML key of the top level"]),
        ('raise ValueError(f"--max-rows {rows}: too many")', ["a command's option"]),
        ('raise SettingError("{units}=0: set {units}, or {output} to full")', []),
        ('def f():\n    """As `tfx-lm run --set trainer.units=3`."""', []),
        ('RUN_FN = "tfx_lm.components.trainer.run_fn"', []),
    ],
)
def test_what_the_test_finds(code, whats):
    assert [
        what for what in FORBIDDEN for _, text in texts(ast.parse(code)) if re.search(FORBIDDEN[what], text)
    ] == whats


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ('raise ValueError(f"units={units}: must be >= 1")', 1),
        ('raise ValueError("no model; set max_length")', 1),
        ('raise SettingError(f"{{units}}={units}; set {{units}}")', 0),
        ('message = "units=3"', 0),
    ],
)
def test_what_counts_as_bare(code, count):
    assert sum(bool(re.search(BARE_ARGUMENT, text)) for _, text in raised_texts(ast.parse(code))) == count
