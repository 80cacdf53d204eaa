"""The configuration as a tree of YAML nodes that remember where they were written: the file, then the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hs_core.config.problems import Problem

OVERRIDE = "HS__"
"""`HS__SECTION__KEY=value` in the environment stands above `section: {key: ...}` in the file."""

_STR, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_LOOK = 'look at the quotes and the indentation there; inside { }, a "${NAME}" needs quotes'
_RESOLVER: Any = yaml.resolver.Resolver()
_VARIABLE = re.compile(r"\$\$\{|\$\{(?P<name>[^{}]+)\}")


@dataclass
class Source:
    """Turns texts into nodes, and collects what is wrong with them."""

    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)

    def report(self, node: yaml.Node, message: str, remedy: str) -> None:
        self.problems.append(Problem(*place(node), message, remedy))

    def compose(self, text: str, name: str) -> yaml.MappingNode:
        """The document in `text`. One that cannot be read is reported and stands for an empty one."""
        try:
            node = compose(text, name)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 0
            self.problems.append(Problem(name, line, f"not YAML: {error.problem}", _LOOK))
            return empty(name)
        except yaml.YAMLError as error:
            self.problems.append(Problem(name, 0, f"not YAML: {error}", "write the file as UTF-8 text"))
            return empty(name)
        if is_null(node):
            return empty(name)
        if not isinstance(node, yaml.MappingNode):
            self.report(
                node, "the file is not a list of settings", "begin with a line such as server_name: example.org"
            )
            return empty(name)
        return node

    def override(self, root: yaml.MappingNode) -> None:
        """Lay the `HS__SECTION__KEY` variables over the document."""
        for name in sorted(self.environ):
            if name.startswith(OVERRIDE):
                path = name.removeprefix(OVERRIDE).split("__")
                try:
                    value = compose(self.environ[name], f"${name}")
                except yaml.YAMLError:
                    value = yaml.ScalarNode(_STR, self.environ[name], _start_of(f"${name}"))
                if not all(path) or not _put(root, path, value):
                    self.report(value, "does not name a setting", "write HS__SECTION__KEY=value")

    def expand(self, node: yaml.ScalarNode) -> yaml.ScalarNode | None:
        """`${NAME}` in a value is what the environment says; `$${` is a plain `${`. `None` if something is not set."""
        if "${" not in node.value:
            return node
        missing = {name for name in _VARIABLE.findall(node.value) if name and name not in self.environ}
        for name in sorted(missing):
            message = f"${{{name}}} is not set in the environment"
            self.report(node, message, f"set {name}, or write $${{ for a plain ${{")
        if missing:
            return None
        text = _VARIABLE.sub(lambda match: "${" if match["name"] is None else self.environ[match["name"]], node.value)
        return yaml.ScalarNode(_resolve(text), text, node.start_mark, node.end_mark, node.style)


def compose(text: str, name: str) -> yaml.Node:
    """The one document in `text`; `name` is what its nodes' marks say. Raises yaml.YAMLError."""
    loader = yaml.SafeLoader(text)
    loader.name = name
    try:
        node = loader.get_single_node()
    finally:
        loader.dispose()
    return node or yaml.ScalarNode(_NULL, "", _start_of(name))


def empty(name: str) -> yaml.MappingNode:
    """A document in which nothing is set."""
    return yaml.MappingNode("tag:yaml.org,2002:map", [], _start_of(name))


def place(node: yaml.Node) -> tuple[str, int]:
    """Source and line; a variable of the environment has no lines."""
    mark = node.start_mark
    return mark.name, 0 if mark.name.startswith("$") else mark.line + 1


def is_null(node: yaml.Node) -> bool:
    """Whether nothing, `null` or `~` is written."""
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def _resolve(text: str) -> str:
    """The type that YAML sees in an unquoted text."""
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    return tag


def _start_of(name: str) -> yaml.Mark:
    return yaml.Mark(name, 0, 0, 0, "", 0)


def _put(node: yaml.Node, path: list[str], value: yaml.Node) -> bool:
    """Set `path`, whatever the case of its letters, to `value`; say whether there is such a place."""
    key, rest = path[0], path[1:]
    if isinstance(node, yaml.SequenceNode):
        if not key.isdecimal() or int(key) >= len(node.value):
            return False
        if rest:
            return _put(node.value[int(key)], rest, value)
        node.value[int(key)] = value
        return True
    if not isinstance(node, yaml.MappingNode):
        return False
    for index, (known, below) in enumerate(node.value):
        if known.value == key or (isinstance(known.value, str) and known.value.lower() == key.lower()):
            if rest and not is_null(below):
                return _put(below, rest, value)
            del node.value[index]
            break
    _forget_twin(node, key.lower())
    section = empty(value.start_mark.name) if rest else value
    node.value.append((yaml.ScalarNode(_STR, key.lower(), value.start_mark), section))
    return not rest or _put(section, rest, value)


def _forget_twin(node: yaml.MappingNode, key: str) -> None:
    """A secret given as `x` replaces one given as `x_file`, and the other way round."""
    twin = key.removesuffix("_file") if key.endswith("_file") else f"{key}_file"
    node.value[:] = [(known, value) for known, value in node.value if known.value != twin]
