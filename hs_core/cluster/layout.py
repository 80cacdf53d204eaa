"""How a process shares its deployment: alone it owns everything; with others, what falls to it.

What speaks with other processes is imported when there can be any: a process that is alone starts in half the time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.cluster.leases import Leases
from hs_core.cluster.members import Member
from hs_core.cluster.shards import TaskSlots
from hs_core.cluster.tasks import name_of, shared_work, slots_of
from hs_core.config import Config
from hs_core.db import Database
from hs_core.plugin.declaration import Feed, Plugin, Task
from hs_core.streams.bus import Bus, MemoryBus

if TYPE_CHECKING:
    from hs_core.cluster.peers import Peers
    from hs_core.cluster.registry import Registry, Share
    from hs_core.streams.bus_redis import RedisBus


@dataclass(frozen=True)
class Company:
    """The other processes of a deployment that can have several."""

    registry: Registry
    peers: Peers
    bus: RedisBus
    required: frozenset[str]
    """The plugins whose services those that are active here call."""

    def missing(self) -> list[str]:
        """What keeps this process from doing its work, in words."""
        unserved = sorted(plugin for plugin in self.required if not self.registry.where(plugin))
        lines = [f"no process has the plugin {plugin!r}, which is needed here" for plugin in unserved]
        return lines if self.registry.settled else [*lines, "what falls to this process is not handed over yet"]


@dataclass(frozen=True)
class Layout:
    """What connects a process with its deployment."""

    leases: Leases
    bus: Bus
    services: Services
    company: Company | None = None
    """`None` if there cannot be other processes."""

    def slots_of(self, plugin: Plugin, work: Task | Feed) -> TaskSlots | None:
        """What this process holds of a task or feed, whose plugin is active here; `None` if every process does it."""
        slots = slots_of(work)
        return TaskSlots(self.leases, name_of(plugin, work), slots) if slots else None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Carry what is published to other processes, and from them. Begin when all followers have subscribed."""
        async with AsyncExitStack() as stack:
            if self.company is not None:
                await stack.enter_async_context(self.company.bus.carrying())
                await stack.enter_async_context(self.company.peers.connected())
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
        here = [installed[plugin] for plugin in active]
        work = {name: slots for plugin in here for name, slots in shared_work(plugin).items()}
        await leases.take_all(db, [stream for plugin in here for stream in plugin.writes], work)
        return Layout(leases, MemoryBus(), Services(leases))

    from hs_core.cluster.elsewhere import OtherProcesses
    from hs_core.cluster.peers import Peers, proofs
    from hs_core.cluster.registry import Registry
    from hs_core.streams.bus_redis import RedisBus

    streams = [stream for plugin in installed.values() for stream in plugin.writes]
    bus = RedisBus(config.redis.url, f"hs:{config.server_name}", streams, clock)
    me = Member(leases.owner, name, frozenset(active), address="")
    shares = list(_shares(config, installed.values()))
    registry = Registry(db, leases, bus, clock, me=me, shares=shares)
    peers = Peers(proofs(config.cluster))
    registry.on_change.append(peers.only)
    offered_by = {service.name: plugin.name for plugin in installed.values() for service in plugin.serves}
    elsewhere = OtherProcesses(registry, peers, clock, offered_by)
    elsewhere.services = services = Services(leases, elsewhere)
    required = frozenset(needed for plugin in active for needed in installed[plugin].requires)
    return Layout(leases, bus, services, Company(registry, peers, bus, required))


def _shares(config: Config, installed: Iterable[Plugin]) -> Iterable[Share]:
    from hs_core.cluster.registry import Share

    for plugin in installed:
        for stream in plugin.writes:
            yield Share(stream.name, stream.slots, plugin.name, config.writers(stream.name))
        for name, slots in shared_work(plugin).items():
            yield Share(name, slots, plugin.name)
