"""Configuration reference: every key of `PipelineConfig`, made from the pydantic models when the site is built.

The meaning of a key is the comment above its field, or the field's description.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo

PAGE = "reference/configuration.md"
HEAD = """# Configuration

A pipeline is configured by a YAML file (`tfx-lm run --config FILE`) and by options such as `--set trainer.epochs=5`,
which take precedence. An unknown key or a bad value is an error that names the key. This page is generated from
`pipelines/config.py` and the options that it contains.

"""
NAMES = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "null"}
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "pattern": "matches `{}`"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the page to the site."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Returns the whole reference as Markdown."""
    from tfx_lm.pipelines.config import PipelineConfig

    return HEAD + "\n".join(_section(prefix, model) for prefix, model in sections(PipelineConfig))


def sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yields the model and all models within it, each with the prefix of its keys, such as `kubeflow.trainer.`."""
    yield prefix, model
    for name, field in model.model_fields.items():
        if inner := _model_of(field.annotation):
            yield from sections(inner, f"{prefix}{name}.")


def _model_of(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _section(prefix: str, model: type[BaseModel]) -> str:
    title = f"`{prefix[:-1]}`" if prefix else "The top level"
    summary = (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ")
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if not _model_of(field.annotation):
            cells = (f"`{prefix}{field.alias or name}`", value_of(field), default_of(field), meaning(model, name))
            rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return f"## {title}\n\n{summary}\n\n" + "\n".join(rows) + "\n"


def value_of(field: FieldInfo) -> str:
    """Returns the type and the bounds of a key's value."""
    return _describe(field.annotation, field.metadata)


def default_of(field: FieldInfo) -> str:
    """Returns the default of a key as YAML."""
    if field.is_required():
        return "required"
    return f"`{json.dumps(field.get_default(call_default_factory=True), default=str)}`"


def meaning(model: type[BaseModel], name: str) -> str:
    """Returns the comment above a field, from the source of the class that defines it."""
    if description := model.model_fields[name].description:
        return " ".join(description.split())
    for owner in model.__mro__:
        if comment := _comments(owner).get(name):
            return comment
    return ""


@cache
def _comments(owner: type) -> dict[str, str]:
    if not issubclass(owner, BaseModel) or owner is BaseModel:
        return {}
    lines = textwrap.dedent(inspect.getsource(owner)).splitlines()
    (definition,) = ast.parse("\n".join(lines)).body
    assert isinstance(definition, ast.ClassDef)
    comments = {}
    for statement in definition.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            above = statement.lineno - 1
            while lines[above - 1].lstrip().startswith("#"):
                above -= 1
            comment = (line.strip().removeprefix("#").strip() for line in lines[above : statement.lineno - 1])
            comments[statement.target.id] = " ".join(comment)
    return comments


def _describe(annotation: Any, metadata: Any = ()) -> str:
    bounds = _bounds(metadata)
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return _describe(arguments[0], arguments[1:])
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in arguments)
    if origin in (Union, types.UnionType):
        text = ", or ".join(_describe(part) for part in arguments if part is not type(None))
        return f"{text}{bounds}{', or null' if type(None) in arguments else ''}"
    if origin is tuple:
        return f"list, each: {_describe(arguments[0])}{bounds}"
    if origin is dict:
        return f"names, each with a {_describe(arguments[1])}{bounds}"
    return f"{NAMES.get(annotation, getattr(annotation, '__name__', str(annotation)))}{bounds}"


def _bounds(metadata: Any) -> str:
    texts = []
    for item in metadata:
        if isinstance(item, FieldInfo):
            texts.append(_bounds(item.metadata))
            continue
        for name, template in BOUNDS.items():
            bound = getattr(item, name, None)
            if bound is not None:
                texts.append(f" {template.format(bound)}")
        if getattr(item, "min_length", None) == 1:
            texts.append(", not empty")
    return "".join(texts)
