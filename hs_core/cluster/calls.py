"""Service calls: typed keys to what other plugins promise, wherever the process that answers may be."""

from typing import Any, TypeVar, cast

from hs_core.plugin.declaration import Plugin, ReadSide, Service

T = TypeVar("T")


class ServiceMissing(LookupError):
    """No process of the deployment offers the service."""


class Services:
    """`services[ROOMS]` is a `Rooms`: the role itself where it is active in this process."""

    def __init__(self) -> None:
        self._here: dict[str, object] = {}

    def __getitem__(self, service: Service[T]) -> T:
        try:
            return cast(T, self._here[service.name])
        except KeyError:
            raise ServiceMissing(f"no active plugin serves {service.name!r}") from None

    def offer(self, plugin: Plugin, role: object) -> None:
        """The plugin is active here: calls to its services go to `role`."""
        for service in plugin.serves:
            self._here[service.name] = role


class ReadSides:
    """What the installed plugins offer in every process."""

    def __init__(self) -> None:
        self._open: dict[str, Any] = {}

    def __getitem__(self, key: ReadSide[T]) -> T:
        return cast(T, self._open[key.name])

    def get(self, key: ReadSide[T]) -> T | None:
        """The same, or `None` if no installed plugin offers it."""
        return cast(T | None, self._open.get(key.name))

    def offer(self, key: ReadSide[T], opened: T) -> None:
        self._open[key.name] = opened
