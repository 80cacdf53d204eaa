"""How a process shares its deployment: alone it owns everything; with others, what falls to it."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hs_core.clock import Clock
from hs_core.cluster.leases import Leases
from hs_core.cluster.members import Member
from hs_core.cluster.registry import Registry, Share
from hs_core.config import Config
from hs_core.db import Database
from hs_core.plugin.declaration import Plugin, Scope, Task
from hs_core.streams.bus import Bus, MemoryBus
from hs_core.streams.bus_redis import RedisBus


@dataclass(frozen=True)
class Layout:
    """What connects a process with its deployment."""

    leases: Leases
    bus: Bus
    registry: Registry | None = None
    """The other processes; `None` if there cannot be any."""

    def is_ours(self, plugin: Plugin, task: Task) -> bool:
        """Whether the next turn of a task, whose plugin is active here, falls to this process."""
        if self.registry is None or task.scope is not Scope.SINGLETON:
            return True
        return bool(self.leases.held(_name(plugin, task)))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Carry what is published to other processes, and from them. Begin when all followers have subscribed."""
        async with AsyncExitStack() as stack:
            if isinstance(self.bus, RedisBus):
                await stack.enter_async_context(self.bus.carrying())
            yield

    @asynccontextmanager
    async def owning(self, address: str) -> AsyncIterator[None]:
        """Own what falls to this process, which answers at `address` by now; at the end, hand it over."""
        async with AsyncExitStack() as stack:
            if self.registry is not None:
                await stack.enter_async_context(self.registry.joined(address))
            yield


async def open_layout(
    config: Config, name: str, db: Database, clock: Clock, *, installed: Mapping[str, Plugin], active: Sequence[str]
) -> Layout:
    """The layout that the configuration asks for: with PostgreSQL and Redis there may be other processes.

    `name` is what the process is called in the configuration. Alone, it owns all streams of its active plugins at once.

    Raises:
        DatabaseUnavailable: if it cannot take what it owns.
    """
    leases = Leases(f"{name}-{clock.random_text(12)}")
    if config.redis.url is None or db.engine != "postgresql":
        await leases.take_all(db, [stream for plugin in active for stream in installed[plugin].writes])
        return Layout(leases, MemoryBus())
    streams = [stream for plugin in installed.values() for stream in plugin.writes]
    bus = RedisBus(config.redis.url, f"hs:{config.server_name}", streams, clock)
    me = Member(leases.owner, name, frozenset(active), address="")
    shares = list(_shares(config, installed.values()))
    return Layout(leases, bus, Registry(db, leases, bus, clock, me=me, shares=shares))


def _shares(config: Config, installed: Iterable[Plugin]) -> Iterable[Share]:
    for plugin in installed:
        for stream in plugin.writes:
            yield Share(stream.name, stream.slots, plugin.name, config.streams.get(stream.name))
        for task in plugin.tasks:
            if task.scope is Scope.SINGLETON:
                yield Share(_name(plugin, task), 1, plugin.name)


def _name(plugin: Plugin, task: Task) -> str:
    """A task that runs in one process at a time is held like a stream with one slot."""
    return f"task: {plugin.name}: {task.name}"
