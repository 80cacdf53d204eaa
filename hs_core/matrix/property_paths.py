"""Paths to properties of an event (appendices, "Dot-separated property paths")."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

PropertyPath: TypeAlias = tuple[str, ...]
"""The names of the properties on the way, from the outermost inwards."""

_TOKEN: Final = re.compile(r"\\[.\\]|.", re.DOTALL)


class Absent:
    """The kind of `ABSENT`."""


ABSENT: Final = Absent()
"""What `property_at` finds where there is nothing; `None` is a value."""


def parse_path(path: str) -> PropertyPath:
    r"""The names in a dot-separated path.

    "Any literal dot or backslash found in a property name should be escaped with a backslash. [...] Other escape
    sequences are left as-is, e.g. a `\x` would be treated as a literal backslash followed by 'x'."
    """
    if "\\" not in path:
        return tuple(path.split("."))
    names: list[list[str]] = [[]]
    for token in _TOKEN.findall(path):
        if token == ".":
            names.append([])
        else:
            names[-1].append(token[-1])
    return tuple("".join(name) for name in names)


def property_at(event: Mapping[str, Any], path: PropertyPath) -> Any:
    """The value at the end of `path`, or `ABSENT`."""
    value: Any = event
    for name in path:
        if (type(value) is not dict and not isinstance(value, Mapping)) or name not in value:
            return ABSENT
        value = value[name]
    return value


Selection: TypeAlias = Mapping[str, "Selection | None"]
"""The properties of an object that are wanted: whole (`None`), or some of theirs in turn."""


def selection_of(paths: Iterable[PropertyPath]) -> Selection:
    """What to keep so that every path still leads to its value."""
    selection: dict[str, Any] = {}
    # Shorter paths first: what is wanted whole needs no longer path into it.
    for path in sorted(paths, key=len):
        within: dict[str, Any] | None = selection
        for name in path[:-1]:
            within = within.setdefault(name, {}) if within is not None else None
        if within is not None:
            within[path[-1]] = None
    return selection


def select(value: Mapping[str, Any], selection: Selection) -> dict[str, Any]:
    """A copy of `value` with just the selected properties (client-server API, "Filtering", `event_fields`)."""
    kept: dict[str, Any] = {}
    for name, wanted in selection.items():
        if name not in value:
            continue
        if wanted is None:
            kept[name] = value[name]
        elif isinstance(value[name], Mapping) and (inner := select(value[name], wanted)):
            kept[name] = inner
    return kept
