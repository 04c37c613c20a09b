"""Defaults and bounds of settings stand in one place, the options classes; all others take them from there."""

import ast
import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import tfx_lm
from tfx_lm import components
from tfx_lm.pipelines.config import PipelineConfig
from tfx_lm.pipelines.setting_names import YAML_KEYS

ROOT = Path(tfx_lm.__file__).parent
ROOMS = (
    "text_files", "transform", "exported", "model", "components", "pipelines", "cli", "server", "benchmarks",
    "examples",
)  # fmt: skip
# Names that stand for several things: the seed of a training and of a completion, the tokens of a text, ...
HOMONYMS = {"seed", "output", "name", "rows", "tokens", "context_tokens"}

TREES = {
    str(file.relative_to(ROOT)): ast.parse(file.read_text(encoding="utf-8"))
    for room in ROOMS
    for file in sorted((ROOT / room).rglob("*.py"))
}


def literals(node: ast.AST | None) -> list[object]:
    """The numbers, texts and truth values that stand in an expression; None is no value."""
    if node is None or isinstance(node, ast.Subscript):  # `OPTIONS["units"]` is not a value of its own.
        return []
    own = [node.value] if isinstance(node, ast.Constant) and node.value is not None else []
    return own + [value for child in ast.iter_child_nodes(node) for value in literals(child)]


def classes_of_settings(trees: dict[str, ast.AST]) -> list[tuple[str, ast.ClassDef]]:
    """Every class that derives from `Settings`, with its file."""
    classes = [
        (file, node) for file, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    names, known = {"Settings"}, 0
    while known < len(names):
        known = len(names)
        names |= {
            node.name for _, node in classes for base in node.bases if isinstance(base, ast.Name) and base.id in names
        }
    return [(file, node) for file, node in classes if node.name in names]


def settings(trees: dict[str, ast.AST]) -> Iterator[tuple[str, str]]:
    """Each name whose default or bounds an options class writes, and where: `("units", "model/options.py:37")`."""
    for file, node in classes_of_settings(trees):
        for line in node.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                fields = [call for call in ast.walk(line.annotation) if isinstance(call, ast.Call)]
                if any(map(literals, [line.value, *fields])):
                    yield line.target.id, f"{file}:{line.lineno}"


def defaults(trees: dict[str, ast.AST]) -> Iterator[tuple[str, str]]:
    """Each name that has a literal default outside of the options classes: parameters, data classes, options."""
    inside = {id(line) for _, node in classes_of_settings(trees) for line in node.body}
    for file, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                positional = [*node.args.posonlyargs, *node.args.args]
                given = zip(reversed(positional), reversed(node.args.defaults), strict=False)
                for argument, default in [*given, *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]:
                    if literals(default):
                        yield argument.arg, f"{file}:{argument.lineno}"
            elif isinstance(node, ast.AnnAssign) and id(node) not in inside and isinstance(node.target, ast.Name):
                if isinstance(node.value, ast.Constant) and literals(node.value):
                    yield node.target.id, f"{file}:{node.lineno}"
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "option":
                names = [each.value for each in node.args if isinstance(each, ast.Constant)]
                if any(keyword.arg == "default" and literals(keyword.value) for keyword in node.keywords):
                    yield from ((name.lstrip("-").replace("-", "_"), f"{file}:{node.lineno}") for name in names)


def written_twice(trees: dict[str, ast.AST]) -> list[str]:
    found = list(settings(trees))
    known = {name for name, _ in found} - HOMONYMS
    twice = [
        f"{name}: {a} and {b}" for (name, a), (other, b) in itertools.combinations(found, 2) if name == other in known
    ]
    return twice + [
        f"{name}: {place}" for name, place in defaults(trees) if name in (known | set(YAML_KEYS)) - HOMONYMS
    ]


def bounds_in_messages(trees: dict[str, ast.AST]) -> list[str]:
    """What a hand-written check of a setting says beside the options classes: `{units}=0: must be >= 1`."""
    names = ({name for name, _ in settings(trees)} | set(YAML_KEYS)) - HOMONYMS
    said = re.compile(rf"(?<!\w)(?:{'|'.join(names)})\b.*must be (?:>=|>|<=|<|above|below|at least|at most) ?\d")
    return [
        f"{file}:{node.lineno}"
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and said.search(ast.unparse(node))
    ]


@pytest.mark.slow
def test_no_default_or_bound_is_written_twice():
    assert len(list(settings(TREES))) > 30
    assert written_twice(TREES) == []


def test_no_check_repeats_a_bound():
    assert bounds_in_messages(TREES) == []


@pytest.mark.parametrize(
    "code",
    [
        "class Other(Settings):\n    units: int = 3",
        "class Other(Units):\n    units: Annotated[int, Field(ge=1)] = DEFAULT",
        "def build(units=200): ...",
        "def build(*, units: int = 200): ...",
        "@dataclass\nclass Other:\n    units: int = 200",
        "@click.option('--units', default=200)\ndef command(units): ...",
        "@click.option('--width', 'units', default=200)\ndef command(units): ...",
    ],
)
def test_what_counts_as_written_twice(code):
    options = ast.parse("class Units(Settings):\n    units: WholeNumber = Field(200, ge=1)")
    assert written_twice({"options.py": options}) == []
    assert len(written_twice({"options.py": options, "other.py": ast.parse(code)})) == 1


def test_what_counts_as_a_repeated_bound():
    assert bounds_in_messages({"a.py": ast.parse("raise ValueError(f'units={units}: must be >= 1')")}) == ["a.py:1"]
    assert bounds_in_messages({"a.py": ast.parse("raise ValueError(f'rank={rank}: must be >= 1')")}) == []


def test_components_have_the_defaults_of_the_configuration():
    compared = []
    for component in (getattr(components, name) for name in components.__all__):
        for make in filter(None, (component.__init__, getattr(component, "from_files", None))):
            for parameter in inspect.signature(make).parameters.values():
                section, _, name = YAML_KEYS.get(parameter.name, "").partition(".")
                if name and parameter.default is not inspect.Parameter.empty:
                    field = PipelineConfig.model_fields[section].annotation.model_fields[name]
                    expected = field.get_default(call_default_factory=True)
                    # An empty collection is the same as nothing.
                    assert (parameter.default or None) == (expected or None), (component, parameter.name)
                    compared.append(parameter.name)
    assert {"max_latency_ms", "tolerance", "keep_versions", "eval_percent", "text_field"} <= set(compared)
