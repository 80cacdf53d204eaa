"""Doors: the services and read sides in the `api.py` of each plugin, method by method."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from docs.generate.markdown import code, paragraphs
from hs_core.plugin.declaration import Plugin, Service

KINDS = {"Service": "Service", "ReadSide": "Read side"}


def doors(plugin: Plugin) -> Iterator[tuple[str, str]]:
    """Each service and read side of a plugin: its key as one imports it, and what is said of it."""
    try:
        module = import_module(f"hs_plugins.{plugin.name}.api")
    except ModuleNotFoundError:
        return
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.Assign(
                targets=[ast.Name(key)],
                value=ast.Call(func=ast.Subscript(value=ast.Name(kind), slice=ast.Name(protocol))),
            ) if kind in KINDS:
                yield key, _door(getattr(module, key), KINDS[kind], getattr(module, protocol))


def _door(key: Any, kind: str, protocol: type) -> str:
    owned = isinstance(key, Service) and key.owner is not None
    where = f", in the process that owns the key in {code(key.owner.name)}" if owned else ""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(protocol))).body
    assert isinstance(definition, ast.ClassDef)
    members = [_member(node) for node in definition.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return paragraphs(f"{kind} {code(protocol.__name__)}{where}.", ast.get_docstring(definition) or "", *members)


def _member(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """A method, or a property that leads to further methods."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list):
        signature = f"{node.name}: {returns.removeprefix(' -> ')}"
    else:
        node.args.args = node.args.args[1:]
        word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        signature = f"{word} {node.name}({ast.unparse(node.args)}){returns}: ..."
    return paragraphs(f"```python\n{signature}\n```", ast.get_docstring(node) or "")
