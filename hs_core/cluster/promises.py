"""How calls travel: the arguments and results of a service's methods, by the annotations of its protocol."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_type_hints

import msgspec

from hs_core.plugin.declaration import Service

_PACKED: Final = b"m"
_WRITTEN: Final = b"j"


class Unintelligible(ValueError):
    """What came is not what the method takes or gives: the other process has another version of the plugin, perhaps."""


class Promise:
    """One method of a service, as values that go over the wire and come back."""

    def __init__(self, service: str, function: Any) -> None:
        hints = get_type_hints(function)
        parameters = [each for name, each in inspect.signature(function).parameters.items() if name != "self"]
        self.service = service
        self.method: str = function.__name__
        self._signature = inspect.Signature(parameters)
        self._keywords = [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
        self._arguments = _Codec(tuple[tuple(hints[each.name] for each in parameters)])  # type: ignore[misc]
        self._result = _Codec(hints["return"])

    def __repr__(self) -> str:
        return f"{self.service}.{self.method}"

    def write_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """The arguments of one call; those that were left out have their defaults."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return self._arguments.write(tuple(bound.arguments.values()))

    def read_arguments(self, data: bytes) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to call the method with. Raises Unintelligible."""
        values = self._arguments.read(data)
        positional = len(values) - len(self._keywords)
        return values[:positional], dict(zip(self._keywords, values[positional:], strict=True))

    def write_result(self, result: Any) -> bytes:
        """What the method returned."""
        return self._result.write(result)

    def read_result(self, data: bytes) -> Any:
        """What the method returned elsewhere. Raises Unintelligible."""
        return self._result.read(data)


class _Codec:
    """MessagePack, and JSON for what that cannot carry: old room versions have integers beyond 64 bits."""

    def __init__(self, form: Any) -> None:
        self._packed: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(form)
        self._written: msgspec.json.Decoder[Any] = msgspec.json.Decoder(form)

    def write(self, value: Any) -> bytes:
        try:
            return _PACKED + msgspec.msgpack.encode(value)
        except OverflowError:
            return _WRITTEN + msgspec.json.encode(value)

    def read(self, data: bytes) -> Any:
        decoder = self._packed if data[:1] == _PACKED else self._written
        try:
            return decoder.decode(memoryview(data)[1:])
        except msgspec.MsgspecError as error:
            raise Unintelligible(str(error)) from error


@cache
def promises_of(service: Service[Any]) -> Mapping[str, Promise]:
    """The methods of a service by name."""
    methods = inspect.getmembers(service.promise, inspect.isfunction)
    return {name: Promise(service.name, function) for name, function in methods if not name.startswith("_")}
