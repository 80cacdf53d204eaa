"""What plugins declare: routes, streams, tasks, and the words of the declarations themselves."""

import dataclasses
import inspect
import sys
from collections.abc import Iterable
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

import hs_core.plugin
from docs.generate.markdown import code, codes, duration, paragraphs, table
from docs.generate.source import field_docs, summary
from hs_core.http.routes import template
from hs_core.plugin import declaration
from hs_core.plugin.declaration import By, Plugin, RateClass, Resource, Route, Stream
from hs_core.plugin.hookspecs import PROJECT

_DEFINED = [value for value in vars(declaration).values() if inspect.isclass(value)]
DECLARED = list(
    dict.fromkeys(
        [
            *(value for value in _DEFINED if value.__module__ == declaration.__name__),
            *(value for name in hs_core.plugin.__all__ if inspect.isclass(value := getattr(hs_core.plugin, name))),
        ]
    )
)
"""The classes of the declaration language: first those of the declaration, then what else `hs_core.plugin` has."""

USUAL_BODY = next(field.default for field in dataclasses.fields(Route) if field.name == "max_body")


def routes_table(routes: Iterable[Route]) -> str:
    """Method, path, who may call it, against which budget, what else is special."""
    rows = [
        (
            route.method,
            code(template(route.path)),
            route.auth.value.replace("_", " "),
            route.rate.value if route.rate is not RateClass.NONE else "",
            ", ".join(_particulars(route)),
        )
        for route in routes
    ]
    return table(("Method", "Path", "Authentication", "Budget", "Besides"), rows)


def _particulars(route: Route) -> Iterable[str]:
    if route.affinity is not By.NONE:
        yield f"by {route.affinity.value}"
    if route.guests:
        yield "guests"
    if route.locked_users:
        yield "locked users"
    if route.resource is not Resource.CLIENT:
        yield f"resource {route.resource.value}"
    if route.upload:
        yield "an upload"
    elif route.max_body != USUAL_BODY:
        yield f"bodies to {route.max_body >> 10} KiB"
    if route.tag is not None:
        yield f"tag {route.tag}"


def stream_page(stream: Stream[Any], plugins: Iterable[Plugin]) -> str:
    """A stream: who writes and follows it, how it is split, what its rows hold."""
    plugins = list(plugins)
    (writer,) = (plugin.name for plugin in plugins if stream in plugin.writes)
    active = [plugin.name for plugin in plugins if stream.name in plugin.reads]
    everywhere = [plugin.name for plugin in plugins for offer in plugin.offers if stream.name in offer.reads]
    facts = [
        ("Written by", code(writer)),
        ("Split by", f"{stream.shard_by.value}, into {stream.slots} slots" if stream.slots > 1 else "one writer"),
        ("Followed where active by", codes(active)),
        ("Followed in every process by", codes(dict.fromkeys(everywhere))),
        ("Version of the rows", str(stream.version)),
    ]
    return paragraphs(
        summary(stream.row), table(("", ""), [fact for fact in facts if fact[1]]), struct_table(stream.row)
    )


def struct_table(model: type[msgspec.Struct]) -> str:
    """The fields of a struct."""
    docs, hints = field_docs(model), get_type_hints(model)
    rows = [
        (code(field.name), code(type_words(hints[field.name])), docs.get(field.name, ""))
        for field in msgspec.structs.fields(model)
    ]
    return table(("Field", "Type", ""), rows)


def type_words(kind: Any) -> str:
    """A type as it is written in source, the same in every version of Python."""
    if kind is Ellipsis or kind is NoneType:
        return "..." if kind is Ellipsis else "None"
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return " | ".join(map(type_words, args))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, args))}]"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(type_words, args))}]"
    return kind if isinstance(kind, str) else getattr(kind, "__qualname__", str(kind))


def declared_class(kind: type) -> str:
    """A class of the declaration language: its meaning and its fields or members."""
    docs = field_docs(kind)
    if issubclass(kind, Enum):
        members = [(code(member.name), docs.get(member.name, "")) for member in kind]
        return paragraphs(summary(kind), table(("Member", ""), members))
    if issubclass(kind, msgspec.Struct):
        return paragraphs(summary(kind), struct_table(kind))
    if not dataclasses.is_dataclass(kind):
        return summary(kind)
    rows = [
        (code(field.name), code(type_words(field.type)), _default(field), docs.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]
    return paragraphs(summary(kind), table(("Field", "Type", "Default", ""), rows))


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default_factory is not dataclasses.MISSING:
        return code(repr(field.default_factory()))
    default = field.default
    if default is dataclasses.MISSING:
        return "required"
    if isinstance(default, Enum):
        return code(f"{type(default).__name__}.{default.name}")
    return code(default.__name__ if inspect.isclass(default) else repr(default))


def facts(plugin: Plugin) -> str:
    """A plugin in a few lines: what it needs, writes, serves and does."""
    lines = [
        ("Requires", codes(plugin.requires)),
        ("Writes", codes(stream.name for stream in plugin.writes)),
        ("Follows where active", codes(plugin.reads)),
        ("Follows everywhere", codes(dict.fromkeys(name for offer in plugin.offers for name in offer.reads))),
        ("Serves", codes(service.name for service in plugin.serves)),
        ("Offers to read", codes(offer.key.name for offer in plugin.offers)),
        ("Takes part in", ", ".join(f"[`{name}`](../reference/hooks.md#{name})" for name in _hooks_of(plugin))),
        ("Adds to `/sync`", codes(section.stream.name for section in plugin.sections)),
        (
            "Does",
            ", ".join(
                f"{task.name} (every {duration(task.every)}, {task.scope.value.replace('_', ' ')})"
                for task in plugin.tasks
            ),
        ),
        ("Is fed by", ", ".join(f"`{feed.stream}` ({feed.name})" for feed in plugin.feeds)),
        ("Opens connections", "yes" if plugin.outbound else ""),
        ("Has tables", "yes" if plugin.migrations else ""),
    ]
    return table(("", ""), [line for line in lines if line[1]])


def _hooks_of(plugin: Plugin) -> list[str]:
    """The hooks that its object implements, as far as the type of that object is known."""
    if plugin.hooks is None:
        return []
    made = inspect.signature(plugin.hooks).return_annotation
    kind = vars(sys.modules[plugin.hooks.__module__]).get(made) if isinstance(made, str) else made
    methods = inspect.getmembers(kind, inspect.isfunction) if inspect.isclass(kind) else []
    return [name for name, method in methods if hasattr(method, f"{PROJECT}_impl")]
