"""What services promise: async methods, a key first if it has an owner, and only values that can be carried."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest

from hs_core.matrix.identifiers import RoomId

ROOT = Path(__file__).parent.parent / "hs_plugins"


def protocols() -> Iterator[tuple[Any, bool]]:
    """The protocol in each `NAME = Service[Protocol](...)` of the doors, and whether its keys have an owner."""
    for path in sorted(ROOT.glob("*/api.py")):
        module = import_module(f"hs_plugins.{path.parent.name}.api")
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Subscript(value=ast.Name("Service"), slice=ast.Name(name)), keywords=keywords):
                    yield getattr(module, name), any(keyword.arg == "owner" for keyword in keywords)


def faults(protocol: type, owned: bool) -> Iterator[str]:
    """Why a protocol cannot be a service. Only if its keys are `owned` does it matter where a call runs."""
    for name, method in vars(protocol).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        hints = get_type_hints(method)
        parameters = [each for each in inspect.signature(method).parameters if each != "self"]
        if not inspect.iscoroutinefunction(method):
            yield f"{protocol.__name__}.{name} is not async"
        if owned and not (parameters and _is_text(hints[parameters[0]])):
            yield f"{protocol.__name__}.{name} has no key as its first argument"
        yield from (
            f"{protocol.__name__}.{name}: {argument} cannot be carried"
            for argument, hint in hints.items()
            if not carried(hint)
        )


def _is_text(hint: Any) -> bool:
    return isinstance(msgspec.inspect.type_info(hint), msgspec.inspect.StrType)


def carried(hint: Any) -> bool:
    """Whether msgspec writes and reads values of this type, all the way down."""
    seen: set[Any] = set()

    def visit(info: Any) -> bool:
        if isinstance(info, msgspec.inspect.CustomType):
            return False
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in seen:
                return True
            seen.add(info.cls)
        return all(map(visit, _parts(info)))

    return visit(msgspec.inspect.type_info(hint))


def _parts(info: Any) -> Iterator[Any]:
    """The types of which a type is made."""
    for name in info.__struct_fields__:
        value = getattr(info, name)
        for each in value if isinstance(value, tuple) else [value]:
            if isinstance(each, msgspec.inspect.Field):
                yield each.type
            elif isinstance(each, msgspec.inspect.Type):
                yield each


def test_services_carry_values_only() -> None:
    found = list(protocols())

    assert found
    assert [fault for protocol, owned in found for fault in faults(protocol, owned)] == []


class Careless:
    """Not a service."""

    async def send(self, room_id: RoomId, where: list[Path | None]) -> None: ...

    async def count(self, limit: int) -> int:
        return limit

    def ask(self, room_id: RoomId) -> dict[str, Path]:
        return {}


@pytest.mark.parametrize(
    "fault",
    [
        "Careless.send: where cannot be carried",
        "Careless.count has no key as its first argument",
        "Careless.ask is not async",
        "Careless.ask: return cannot be carried",
    ],
)
def test_what_is_no_service_is_found(fault: str) -> None:
    assert fault in list(faults(Careless, owned=True))
