"""From YAML nodes to typed values: field by field, so that one mistake does not hide the next."""

import types
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec
import yaml

from hs_core.config.problems import nearest
from hs_core.config.source import Source, is_null, place
from hs_core.config.values import Secret, Size, parse_duration, parse_size

Model = TypeVar("Model", bound=msgspec.Struct)
Where = tuple[str | int, ...]

BAD: Final = object()
"""What a value that has been reported is read as; whoever gets it leaves it out."""


class Reader:
    """Reads typed values out of nodes. What it finds wrong goes to `source.problems`."""

    def __init__(self, source: Source, folder: Path) -> None:
        self.source = source
        self._folder = folder
        self.places: dict[Where, tuple[str, int]] = {}
        """Where each setting was written, for rules that look at several of them."""

    def read(self, node: yaml.Node, kind: Any, where: Where) -> Any:
        """The value of type `kind` that `node` holds, or BAD."""
        self.places[where] = place(node)
        if isinstance(node, yaml.ScalarNode):
            expanded = self.source.expand(node)
            if expanded is None:
                return BAD
            node = expanded
        plain, optional = _without_none(kind)
        if is_null(node) and optional:
            return None
        origin = get_origin(plain)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return self.section(node, plain, where)
        if origin is tuple or origin is list:
            return self._items(node, get_args(plain)[0], where, origin)
        if origin is dict:
            return self._table(node, get_args(plain)[1], where)
        return self._scalar(node, plain, where)

    def section(self, node: yaml.Node, model: type[Model], where: Where) -> Model | Any:
        """A section of the file as `model`. A field that is wrong is reported and left at its default."""
        entries = self._entries(node, where)
        if entries is None:
            return BAD
        fields = {field.encode_name: field for field in msgspec.structs.fields(model)}
        secrets = [key for key, field in fields.items() if _without_none(field.type)[0] is Secret]
        self._open_secret_files(entries, secrets, where)
        values: dict[str, Any] = {}
        for key, field in fields.items():
            value = self.read(entries[key][1], field.type, (*where, key)) if key in entries else BAD
            if value is not BAD:
                values[field.name] = value
            elif field.required:
                if key not in entries:
                    self.source.report(node, f"{_dotted(where, key)} is missing", f"add a line {key}: ...")
                values[field.name] = BAD
        known = [*fields, *(f"{key}_file" for key in secrets)]
        for key, (key_node, _) in entries.items():
            if key not in fields:
                self.source.report(key_node, f"unknown key {_dotted(where, key)!r}", nearest(key, known))
        return self._build(node, model, values, where)

    def _build(self, node: yaml.Node, model: type[Model], values: dict[str, Any], where: Where) -> Model | Any:
        if any(value is BAD for value in values.values()):
            return BAD
        try:
            return model(**values)
        except ValueError as error:  # from the model's own __post_init__
            self.source.report(node, f"{_dotted(where)}: {error}", "change it as it says")
            return BAD

    def _entries(self, node: yaml.Node, where: Where) -> dict[str, tuple[yaml.Node, yaml.Node]] | None:
        """The keys of a mapping and their values. An empty section sets nothing."""
        if is_null(node):
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.source.report(node, f"{_dotted(where)} is not a section", "write its keys below it: key: value")
            return None
        for key, count in Counter(_name(key_node) for key_node, _ in node.value).items():
            if count > 1 and key != "<<":
                again = [key_node for key_node, _ in node.value if _name(key_node) == key][-1]
                self.source.report(again, f"{_dotted(where, key)} is set twice", "keep one of the two")
        try:
            yaml.constructor.SafeConstructor().flatten_mapping(node)
        except yaml.constructor.ConstructorError as error:
            self.source.report(node, f"{_dotted(where)}: {error.problem}", "merge (<<) sections only")
        return {_name(key_node): (key_node, value) for key_node, value in node.value}

    def _open_secret_files(
        self, entries: dict[str, tuple[yaml.Node, yaml.Node]], secrets: list[str], where: Where
    ) -> None:
        """Put the content of the file that `x_file` names in the place of the secret `x`."""
        for key in secrets:
            if (entry := entries.pop(f"{key}_file", None)) is None:
                continue
            key_node, value = entry
            if key in entries and not is_null(entries[key][1]):
                self.source.report(
                    key_node, f"{_dotted(where, key)} is set, and so is {key}_file", "keep one of the two"
                )
                continue
            path = self.read(value, Path | None, (*where, f"{key}_file"))
            if path is BAD or path is None:
                continue
            try:
                text = path.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                self.source.report(value, f"cannot read {path}: {_reason(error)}", "write the secret there, as text")
                text = "unread"
            literal = yaml.ScalarNode("tag:yaml.org,2002:str", text.replace("${", "$${"), value.start_mark, style="'")
            entries[key] = (key_node, literal)

    def _items(self, node: yaml.Node, kind: Any, where: Where, origin: type) -> Any:
        if not isinstance(node, yaml.SequenceNode):
            self.source.report(node, f"{_dotted(where)} is not a list", "write [a, b], or a line - a for each")
            return BAD
        values = [self.read(item, kind, (*where, index)) for index, item in enumerate(node.value)]
        return origin(value for value in values if value is not BAD)

    def _table(self, node: yaml.Node, kind: Any, where: Where) -> Any:
        entries = self._entries(node, where)
        if entries is None:
            return BAD
        values = {key: self.read(value, kind, (*where, key)) for key, (_, value) in entries.items()}
        return {key: value for key, value in values.items() if value is not BAD}

    def _scalar(self, node: yaml.Node, kind: Any, where: Where) -> Any:
        try:
            return _convert(node, kind, self._folder)
        except (ValueError, yaml.YAMLError) as error:  # msgspec.ValidationError is a ValueError
            message = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
            self.source.report(node, f"{_dotted(where)}: {message}", f"write {expected(kind)}")
            return BAD


def _convert(node: yaml.Node, kind: Any, folder: Path) -> Any:
    """Raises ValueError, or yaml.YAMLError for a tag that is not YAML's own."""
    value = yaml.constructor.SafeConstructor().construct_object(node, deep=True)
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if bare is Any:
        return value
    if value is None:
        raise ValueError("nothing is written there")
    if isinstance(node, yaml.ScalarNode):
        text: str = node.value
        if bare in _FROM_TEXT:
            return _FROM_TEXT[bare](text)
        if bare is Path:
            return folder / Path(text).expanduser()
        if bare is str or (isinstance(bare, type) and issubclass(bare, str)):
            value = text  # 10, yes and 2026-01-01 are text where text is expected
    return msgspec.convert(value, kind)


_FROM_TEXT: Mapping[Any, Any] = {
    Secret: Secret,
    Size: parse_size,
    timedelta: parse_duration,
    IPv4Network | IPv6Network: ip_network,
}

_EXPECTED: Mapping[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Secret: "text",
    Path: "the path of a file",
    Size: "a size such as 50M",
    timedelta: "a duration such as 5s",
    IPv4Network | IPv6Network: "an address range such as 10.0.0.0/8",
}


def expected(kind: Any) -> str:
    """What should be written where `kind` is expected, for a remedy."""
    args = get_args(kind)
    if get_origin(kind) is Annotated:
        return expected(args[0])
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if isinstance(kind, type) and hasattr(kind, "__members__"):
        return "one of " + ", ".join(member.value for member in kind.__members__.values())
    return "one of " + ", ".join(map(str, args)) if args else "another value"


def _without_none(kind: Any) -> tuple[Any, bool]:
    """`T | None` as (T, True), anything else as (itself, False)."""
    args = get_args(kind)
    if get_origin(kind) not in {Union, types.UnionType} or types.NoneType not in args:
        return kind, False
    rest = tuple(arg for arg in args if arg is not types.NoneType)
    return (rest[0] if len(rest) == 1 else Union[rest]), True  # noqa: UP007, the members are only known here


def _dotted(where: Where, key: str | None = None) -> str:
    """A setting's full name: `federation.ca_file`, `listeners[0].port`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (*where, *([key] if key else [])))
    return text.removeprefix(".") or "the file"


def _name(key: yaml.Node) -> str:
    return key.value if isinstance(key, yaml.ScalarNode) else "?"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"
