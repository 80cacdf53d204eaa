"""Service calls: typed keys to what other plugins promise, wherever the process that answers may be."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol, TypeVar, cast

from hs_core.cluster.leases import Leases, NotOwner
from hs_core.cluster.once import answering, call_key
from hs_core.cluster.promises import Promise, promises_of
from hs_core.errors import Unavailable
from hs_core.plugin.declaration import Plugin, ReadSide, Service

T = TypeVar("T")


class ServiceMissing(Unavailable):
    """No process of the deployment offers the service now."""

    def __init__(self, service: str) -> None:
        super().__init__("A part of this server that is needed for this is not running")
        self.service = service

    def __str__(self) -> str:
        return f"no active plugin serves {self.service!r}"


class Elsewhere(Protocol):
    """Makes calls in other processes."""

    async def call(self, service: Service[Any], promise: Promise, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the method returns in the process that owns the key, its first argument. Raises what it raises;
        ServiceMissing, Unavailable.
        """


class Services:
    """`services[ROOMS]` is a `Rooms`: in a deployment of one process the role itself."""

    def __init__(self, leases: Leases, elsewhere: Elsewhere | None = None) -> None:
        """`elsewhere` reaches the other processes, if there can be any."""
        self._leases = leases
        self._elsewhere = elsewhere
        self._here: dict[str, object] = {}
        self._calls: dict[str, Calls] = {}

    def __getitem__(self, service: Service[T]) -> T:
        """Raises ServiceMissing, if there are no other processes that might offer it."""
        if self._elsewhere is None:
            try:
                return cast(T, self._here[service.name])
            except KeyError:
                raise ServiceMissing(service.name) from None
        calls = self._calls.get(service.name)
        if calls is None:
            calls = self._calls[service.name] = Calls(service, self._here, self._leases, self._elsewhere)
        return cast(T, calls)

    def here(self, service: str) -> object | None:
        """The role that answers calls of a service in this process."""
        return self._here.get(service)

    def offer(self, plugin: Plugin, role: object) -> None:
        """The plugin is active here: calls to its services go to `role`."""
        for service in plugin.serves:
            self._here[service.name] = role


class Calls:
    """The methods of a service: each runs here, if this process is the one for it, and else where that is so."""

    def __init__(self, service: Service[Any], here: dict[str, object], leases: Leases, elsewhere: Elsewhere) -> None:
        self._service = service
        self._here = here
        self._leases = leases
        self._elsewhere = elsewhere
        for name, promise in promises_of(service).items():
            setattr(self, name, partial(self._call, promise))

    async def _call(self, promise: Promise, *args: Any, **kwargs: Any) -> Any:
        role = self._here.get(self._service.name)
        if role is not None and self._is_ours(args):
            method = getattr(role, promise.method)
            try:
                if not call_key():
                    return await method(*args, **kwargs)
                with answering():
                    return await method(*args, **kwargs)
            except NotOwner:  # nothing was written, and somebody else is to do it
                pass
        return await self._elsewhere.call(self._service, promise, args, kwargs)

    def _is_ours(self, args: tuple[Any, ...]) -> bool:
        owner = self._service.owner
        return owner is None or self._leases.holds(owner, args[0])


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
