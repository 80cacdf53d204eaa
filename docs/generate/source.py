"""What only the source text knows: the docstrings of fields."""

import ast
import inspect
import re
import textwrap
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def field_docs(model: type) -> dict[str, str]:
    """The docstring after each annotated field or enum member of a class, its base classes' included."""
    docs: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base.__module__.startswith(("hs_core", "hs_plugins")):
            docs |= _own_docs(base)
    return docs


def _own_docs(model: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(definition, ast.ClassDef)
    docs = {}
    for field, after in zip(definition.body, definition.body[1:], strict=False):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]),
                ast.Expr(ast.Constant(str(text))),
            ):
                docs[name] = inspect.cleandoc(text)
    return docs


def summary(thing: object) -> str:
    """A docstring, or nothing if it only repeats the signature of a class."""
    text = inspect.getdoc(thing) or ""
    return "" if isinstance(thing, type) and text.startswith(f"{thing.__name__}(") else text


def is_read(setting: str) -> bool:
    """Whether anything but the configuration itself and `hs check` reads a top-level setting."""
    return setting in _settings_read()


@cache
def _settings_read() -> frozenset[str]:
    readers = [path for package in ("hs_core", "hs_plugins") for path in (ROOT / package).rglob("*.py")]
    sources = [path.read_text() for path in readers if "config" not in path.parts and path.name != "check.py"]
    return frozenset(name for source in sources for name in re.findall(r"\b(?:config|settings)\.(\w+)", source))
