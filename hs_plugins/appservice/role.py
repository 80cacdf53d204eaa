"""What runs where the plugin is active: it sends to application services, and asks them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from hs_core.cache import Cache
from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.cluster.shards import Shards
from hs_core.core import Core
from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomAlias, UserId
from hs_core.outbound import Bounds, Outbound, OutboundError
from hs_core.streams.batch import Batch
from hs_core.streams.follower import stored_position
from hs_plugins.appservice import store, thirdparty
from hs_plugins.appservice.bridge import Bridge
from hs_plugins.appservice.interests import Interests
from hs_plugins.appservice.moments import Moments, MomentStreams
from hs_plugins.appservice.reading import REGISTRATIONS
from hs_plugins.appservice.recent import RecentEvents
from hs_plugins.appservice.registered import Registered, Registry
from hs_plugins.appservice.sender import Sender, Share, Sources
from hs_plugins.directory.api import DIRECTORY_READ, PUBLISHING, Publishing
from hs_plugins.login.api import USERS
from hs_plugins.receipts.api import RECEIPT_CHANGES
from hs_plugins.rooms.api import EVENTS, ROOMS_READ, EventRow, RoomsRead

MOST_ALIKE: Final = 5
"""Questions about one user or alias at once: a service that asks us for what we ask it for would never end."""
MOST_AT_ONCE: Final = 100
"""Questions about users and aliases; strangers can cause them. Beyond that there is nobody of that name."""
ONE_FOR_EACH: Final = Bounds(connections=1_000, per_destination=1_000)
"""Connections for transactions: several services may be at one address."""
PROTOCOLS_KEPT: Final = 1_000
PROTOCOLS_KEPT_FOR: Final = 300.0
"""Seconds that what a service says of a protocol is remembered."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AppserviceRole:
    """Implements the service `APPSERVICES`, and is what the handlers and the task are given."""

    registry: Registry
    bridges: dict[str, Bridge]
    """Of the services that want requests."""
    share: Share
    rooms: RoomsRead
    clock: Clock
    services: Services
    protocols_known: Cache[str, dict[str, Any]]
    senders: dict[str, Sender] = field(default_factory=dict)
    """To each of the bridges, whether it falls to this process or not."""
    asking: Counter[str] = field(default_factory=Counter)

    @property
    def publishing(self) -> Publishing:
        """To the process that owns the room."""
        return self.services[PUBLISHING]

    async def take_share(self, shards: Shards) -> None:
        """A turn of the task: know which services are this process's to send to."""
        self.share.renew(shards)

    async def make_user(self, user_id: UserId) -> bool:
        bridges = self._bridges_of(self.registry.having_user(user_id))
        return await self._any(user_id, bridges, lambda bridge: bridge.has_user(user_id))

    async def make_alias(self, alias: RoomAlias) -> bool:
        bridges = self._bridges_of(self.registry.having_alias(alias))
        return await self._any(alias, bridges, lambda bridge: bridge.has_alias(alias))

    async def protocol(self, name: str) -> dict[str, Any] | None:
        """What is known of a third-party network's protocol; `None` if no service has it."""
        known = self.protocols_known.get(name)
        if known is None:
            known = await thirdparty.protocol(self._bridges_of(self.registry.speaking(name)), name)
            if known is not None:
                self.protocols_known.put(name, known)
        return known

    async def protocols(self) -> dict[str, dict[str, Any]]:
        """All of them, by name."""
        names = self.registry.protocols
        found = await asyncio.gather(*map(self.protocol, names))
        return {name: each for name, each in zip(names, found, strict=True) if each is not None}

    async def find_third_party(
        self, kind: thirdparty.Kind, name: str | None, fields: dict[str, list[str]]
    ) -> Sequence[Any]:
        """Users or locations of one protocol, or those that belong to a user or an alias here."""
        asked = self.registry.services.values() if name is None else self.registry.speaking(name)
        return await thirdparty.find(self._bridges_of(asked), kind, name, fields)

    def _bridges_of(self, services: Iterable[Registered]) -> list[Bridge]:
        return [self.bridges[each.id] for each in services if each.id in self.bridges]

    async def _any(self, what: str, bridges: Sequence[Bridge], ask: Callable[[Bridge], Awaitable[bool]]) -> bool:
        """Whether one of the services says so. They are asked one after the other: only one is to make it."""
        if self.asking[what] >= MOST_ALIKE or self.asking.total() >= MOST_AT_ONCE:
            return False
        self.asking[what] += 1
        try:
            for bridge in bridges:
                try:
                    if await ask(bridge):
                        return True
                except OutboundError as error:
                    log.warning(
                        "an application service does not answer", service=bridge.registered.id, error=str(error)
                    )
        finally:
            self.asking[what] -= 1
            if not self.asking[what]:
                del self.asking[what]
        return False


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[AppserviceRole]:
    """Send for as long as the context lasts. Where there are no application services, nothing is followed."""
    registry = core.read_sides[REGISTRATIONS].registry
    # The administrator has written the URLs, and services mostly run on the same host: no address is private here.
    async with (
        core.outbound(ONE_FOR_EACH, private=True) as sending,
        core.outbound(Bounds(per_destination=16), private=True) as asking,
        asyncio.TaskGroup() as group,
    ):
        bridges = _bridges(registry, sending, asking)
        role = AppserviceRole(
            registry=registry,
            bridges=bridges,
            share=Share(),
            rooms=core.read_sides[ROOMS_READ],
            clock=core.clock,
            services=core.services,
            protocols_known=Cache(PROTOCOLS_KEPT, PROTOCOLS_KEPT_FOR, core.clock.monotonic),
        )
        role.senders.update({each.id: each for each in await _senders(core, bridges.values(), role.share)})
        tasks = [group.create_task(each.run(), name=f"send to {each.id}") for each in role.senders.values()]
        yield role
        for task in tasks:
            task.cancel()


def _bridges(registry: Registry, sending: Outbound, asking: Outbound) -> dict[str, Bridge]:
    return {
        name: Bridge(each, each.service.url.rstrip("/"), sending, asking)
        for name, each in registry.services.items()
        if each.service.url is not None
    }


async def _senders(core: Core, bridges: Iterable[Bridge], share: Share) -> list[Sender]:
    bridges = list(bridges)
    if not bridges:
        return []
    follower = core.follower(EVENTS)
    await follower.awake()
    await core.db.write(lambda tx: _begin(tx, [bridge.registered.id for bridge in bridges]))
    recent = RecentEvents(follower, core.db)
    follower.subscribe(recent.hear)
    sources = Sources(recent, core.read_sides[ROOMS_READ], core.read_sides[USERS], core.db, core.clock)
    moments = None
    if any(bridge.registered.service.receive_ephemeral for bridge in bridges):
        moments = await MomentStreams.follow(core)
    return [_sender(core, bridge, sources, share, moments) for bridge in bridges]


def _begin(tx: Transaction, services: Sequence[str]) -> None:
    positions = stored_position(tx, EVENTS.name), stored_position(tx, RECEIPT_CHANGES.name)
    store.begin(tx, services, store.Progress(*positions))


def _sender(core: Core, bridge: Bridge, sources: Sources, share: Share, moments: MomentStreams | None) -> Sender:
    news = asyncio.Event()

    def hear(_: Batch[EventRow]) -> None:
        news.set()

    core.follower(EVENTS).subscribe(hear)
    interests = Interests(bridge.registered, sources.rooms, core.read_sides[DIRECTORY_READ])
    sender = Sender(bridge, sources, interests, share, news)
    if moments is not None and bridge.registered.service.receive_ephemeral:
        sender.moments = Moments(moments, interests, sources.db, sources.clock, news.set)
    return sender
