"""Settings: the configuration's types as a reference, setting by setting."""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from docs.generate.markdown import code, duration, paragraphs
from docs.generate.source import field_docs, summary
from hs_core.config import Secret, Size
from hs_core.config.reader import expected


def settings(
    model: type[msgspec.Struct], prefix: str = "", level: int = 2, described: dict[type, str] | None = None
) -> Iterator[tuple[str, int, str]]:
    """Each setting of a section and of those below it: its full name, the level of its heading, what is said of it.

    A kind of section that occurs again is not `described` again.
    """
    described = {} if described is None else described
    docs = field_docs(model)
    for field in msgspec.structs.fields(model):
        name, doc = prefix + field.encode_name, docs.get(field.name, "")
        kind, separator = _section_in(field.type)
        if kind is None:
            yield name, level, paragraphs(doc, f"{_sentence(_words(field.type))} {_default(field)}".strip())
        elif kind in described:
            yield name, level, paragraphs(doc, f"With the keys of {code(described[kind])}. {_default(field)}".strip())
        else:
            described[kind] = name
            yield name, level, paragraphs(summary(kind), doc, "" if _says_nothing(field, kind) else _default(field))
            yield from settings(kind, name + separator, level + 1, described)


def _section_in(kind: Any) -> tuple[type[msgspec.Struct] | None, str]:
    """The section that a setting is, or is a list or a table of, and what stands between its name and their names."""
    (kind, *others) = [each for each in get_args(kind) if each is not NoneType] if _optional(kind) else [kind]
    if not others and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, "."
    inner = get_args(kind)
    if get_origin(kind) is tuple and (section := _section_in(inner[0])[0]):
        return section, "[]."
    if get_origin(kind) is dict and (section := _section_in(inner[1])[0]):
        return section, ".NAME."
    return None, ""


def _optional(kind: Any) -> bool:
    return NoneType in get_args(kind)


def _words(kind: Any) -> str:
    if _optional(kind):
        (kind,) = [each for each in get_args(kind) if each is not NoneType]
    if get_origin(kind) is tuple:
        return f"a list; each entry is {_words(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"a table of names; each value is {_words(get_args(kind)[1])}"
    if kind is Any:
        return "anything"
    words = expected(kind)
    return f"{words} (a secret)" if kind is Secret else words + _bounds(kind)


def _bounds(kind: Any) -> str:
    """The bounds of an annotated number."""
    for meta in get_args(kind)[1:]:
        bounds = [
            f"{word} {value:g}"
            for word, value in (
                ("at least", getattr(meta, "ge", None)),
                ("more than", getattr(meta, "gt", None)),
                ("at most", getattr(meta, "le", None)),
            )
            if value is not None
        ]
        if bounds:
            return ", " + " and ".join(bounds)
    return ""


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _default(field: msgspec.structs.FieldInfo) -> str:
    """What holds if it is not written; nothing where the docstring says that."""
    if field.required:
        return "**Required.**"
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    words = as_yaml(default)
    return f"Default: {code(words)}." if words else ""


def _says_nothing(field: msgspec.structs.FieldInfo, kind: type[msgspec.Struct]) -> bool:
    """Whether a section's default is what the defaults of its keys say anyway."""
    if field.default is msgspec.NODEFAULT or not isinstance(field.default, kind):
        return True
    return not any(each.required for each in msgspec.structs.fields(kind)) and field.default == kind()


def as_yaml(value: Any) -> str:
    """A default as one would write it in the file; empty if there is none."""
    match value:
        case None | Path() | "":
            return str(value) if value and str(value) != "." else ""
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case timedelta():
            return duration(value)
        case Size():
            return _size(value)
        case msgspec.Struct():
            return ", ".join(f"{name}: {as_yaml(each)}" for name, each in msgspec.structs.asdict(value).items())
        case tuple() | list():
            return "[" + ", ".join(map(as_yaml, value)) + "]"
        case dict():
            return "{}" if not value else str(value)
        case _:
            return str(value)


def _size(value: int) -> str:
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if value % (1 << shift) == 0:
            return f"{value >> shift}{unit}"
    return str(value)
