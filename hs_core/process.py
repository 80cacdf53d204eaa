"""The life of one process: open, start roles, answer, drain.

A process is nothing but a list of active plugins over a database. Everything installed contributes its schema, its
hooks and its read side; what is active also runs: it owns its streams, answers calls and routes, does its tasks.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from hs_core.clock import Clock
from hs_core.cluster.budget import Budget
from hs_core.cluster.calls import ReadSides
from hs_core.cluster.feeds import Feeding
from hs_core.cluster.layout import Company, Layout, open_layout
from hs_core.cluster.members import application_name
from hs_core.cluster.tasks import repeat
from hs_core.config import Config, Listener
from hs_core.core import Core
from hs_core.db import Database, open_database
from hs_core.db.copying import CopyError, unfinished
from hs_core.db.migrate import Migrations, migrate
from hs_core.http.app import Forward, Site, build_app
from hs_core.http.authenticate import TOKEN_CHECKER, Authenticator
from hs_core.http.limits import RateLimiter
from hs_core.http.listen import Server
from hs_core.http.metrics import HttpMetrics
from hs_core.http.outage import Outage
from hs_core.http.routes import Claim
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.signing import SigningKey
from hs_core.memory import give_back, resident_memory
from hs_core.metrics import new_registry
from hs_core.plugin.declaration import Offer, Plugin, Resource
from hs_core.plugin.hooks import Hooks
from hs_core.status.report import REPORT, report
from hs_core.streams.registry import Streams
from hs_core.telemetry import ProcessCollector, Readiness

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long requests in flight may take to finish once the process was told to stop."""

CORE_MIGRATIONS = Migrations("hs_core")


@dataclass(frozen=True)
class Composition:
    """What a process is made of."""

    installed: Mapping[str, Plugin]
    """Every plugin of the environment, each after those that it requires."""
    active: Sequence[str]
    """The names of those that run here, in the same order."""
    listeners: Sequence[Listener]
    name: str = "hs"

    @property
    def active_plugins(self) -> list[Plugin]:
        return [self.installed[name] for name in self.active]

    @property
    def followed(self) -> set[str]:
        """The streams that somebody in this process follows."""
        reads = {name for plugin in self.active_plugins for name in plugin.reads}
        reads |= {feed.stream for plugin in self.active_plugins for feed in plugin.feeds}
        if any(plugin.shows_sections for plugin in self.active_plugins):
            reads |= {section.stream.name for plugin in self.installed.values() for section in plugin.sections}
        return reads | {name for offer in self._offers if not offer.when_used for name in offer.reads}

    @property
    def followed_when_used(self) -> set[str]:
        """The streams that somebody in this process may want to follow later."""
        return {name for offer in self._offers if offer.when_used for name in offer.reads} - self.followed

    @property
    def _offers(self) -> list[Offer[Any]]:
        return [offer for plugin in self.installed.values() for offer in plugin.offers]


@dataclass(frozen=True)
class Process:
    """A process that is up."""

    core: Core
    addresses: Sequence[str]
    """Where it listens, as URLs, in the order of the listeners."""
    readiness: Readiness
    """Whether it can serve."""


@asynccontextmanager
async def running(config: Config, composition: Composition, key: SigningKey, clock: Clock) -> AsyncIterator[Process]:
    """A process for as long as the context lasts; at its end it drains.

    Raises:
        DatabaseInUse, DatabaseUnavailable, MigrationError, OSError: if it cannot start.
    """
    async with AsyncExitStack() as stack:
        db = await open_database(config.database.url, application_name=application_name(composition.name))
        stack.push_async_callback(db.close)
        if await unfinished(db):
            raise CopyError("this database is the unfinished copy of another; run `hs db copy` again")
        layout = await _open_layout(config, composition, clock, db)
        core = await _open_core(config, composition, key, clock, db, layout=layout)
        if layout.company is not None:
            layout.company.registry.on_positions = core.streams.told
        await stack.enter_async_context(layout.connected())
        group = await stack.enter_async_context(asyncio.TaskGroup())
        following = group.create_task(core.streams.run(), name="streams")
        stack.callback(following.cancel)
        outage = Outage()
        readiness = Readiness(db, clock, layout.company.missing if layout.company else list, outage)
        watching = group.create_task(readiness.run(), name="readiness")
        stack.callback(watching.cancel)
        keeping = group.create_task(_budget(core, layout).run(), name="budget")
        stack.callback(keeping.cancel)
        await _open_read_sides(core, composition, stack)
        roles = await _start_roles(core, composition, stack)
        for work, name in _background_work(core, composition, roles, layout):
            working = group.create_task(work, name=name)
            stack.callback(working.cancel)
        registry = new_registry()
        registry.register(ProcessCollector(core.streams, layout.leases, db, core.caches))
        doors = _Doors(core, composition, layout, roles, registry, readiness, outage)
        await stack.enter_async_context(doors.internal())
        server = Server(core.draining)
        addresses = await doors.listen(server)
        try:
            yield Process(core, addresses, readiness)
        finally:
            if layout.company is not None:  # who comes now is still answered, by others if need be
                await layout.company.registry.hand_over()
            await server.drain(DRAIN_SECONDS)


async def _open_layout(config: Config, composition: Composition, clock: Clock, db: Database) -> Layout:
    installed = composition.installed.values()
    await migrate(db, [CORE_MIGRATIONS, *(plugin.migrations for plugin in installed if plugin.migrations)])
    return await open_layout(
        config, composition.name, db, clock, installed=composition.installed, active=composition.active
    )


async def _open_core(
    config: Config, composition: Composition, key: SigningKey, clock: Clock, db: Database, *, layout: Layout
) -> Core:
    installed = composition.installed.values()
    streams = Streams(db, layout.leases, layout.bus, clock)
    await streams.begin([stream for plugin in installed for stream in plugin.writes], composition.followed)
    streams.prepare(composition.followed_when_used)
    core = Core(
        server_name=ServerName(config.server_name),
        signing_key=key,
        config=config,
        clock=clock,
        db=db,
        streams=streams,
        services=layout.services,
        read_sides=ReadSides(),
        hooks=Hooks(),
        authenticator=Authenticator(clock.monotonic),
        installed=dict(composition.installed),
    )
    core.caches["access_tokens"] = core.authenticator.remembered
    for plugin in installed:
        if plugin.hooks is not None:
            core.hooks.register(plugin.name, plugin.hooks(core))
    return core


def _budget(core: Core, layout: Layout) -> Budget:
    """What of the deployment's connections and memory falls to this process."""
    company, config = layout.company, core.config
    budget = Budget(
        core.db,
        core.caches,
        core.clock,
        connections=config.database.max_connections,
        memory=config.memory.limit,
        processes=1 if company is None else config.replicas,
        used=resident_memory,
        give_back=give_back,
    )
    if company is not None:
        company.registry.on_change.append(budget.see)
    return budget


async def _open_read_sides(core: Core, composition: Composition, stack: AsyncExitStack) -> None:
    for plugin in composition.installed.values():
        for offer in plugin.offers:
            core.read_sides.offer(offer.key, await stack.enter_async_context(offer.open(core)))
    core.authenticator.tokens = core.read_sides.get(TOKEN_CHECKER)


async def _start_roles(core: Core, composition: Composition, stack: AsyncExitStack) -> dict[str, Any]:
    roles: dict[str, Any] = {}
    for plugin in composition.active_plugins:
        roles[plugin.name] = await stack.enter_async_context(plugin.start(core)) if plugin.start else None
        core.services.offer(plugin, roles[plugin.name])
        log.debug("role started", plugin=plugin.name)
    return roles


def _background_work(
    core: Core, composition: Composition, roles: Mapping[str, Any], layout: Layout
) -> Iterator[tuple[Coroutine[Any, Any, None], str]]:
    """The tasks and feeds of the active plugins, each with its name."""
    for plugin in composition.active_plugins:
        role = roles[plugin.name]
        for task in plugin.tasks:
            yield repeat(task, role, core.clock, layout.slots_of(plugin, task)), task.name
        for feed in plugin.feeds:
            slots = layout.slots_of(plugin, feed)
            assert slots is not None, "a feed runs in one process at a time"
            follower = core.streams.follower_of(feed.stream)
            yield Feeding(feed, role, follower, slots, db=core.db, clock=core.clock).run(), feed.name


@dataclass(frozen=True)
class _Doors:
    """Where a process is asked: its public listeners and, if there can be other processes, the one for them."""

    core: Core
    composition: Composition
    layout: Layout
    roles: Mapping[str, Any]
    registry: CollectorRegistry
    readiness: Readiness
    outage: Outage

    @cached_property
    def site(self) -> Site:
        """What all listeners have in common."""
        company = self.layout.company
        answered = self.composition.active_plugins if company is None else self.composition.installed.values()
        return Site(
            claims=[Claim(plugin.name, route) for plugin in answered for route in plugin.routes],
            roles=self.roles,
            authenticator=self.core.authenticator,
            limiter=RateLimiter(self.core.config.rate_limits, self.core.clock.monotonic),
            metrics=HttpMetrics(self.registry),
            clock=self.core.clock,
            readiness=self.readiness.reasons,
            forward=None if company is None else _forward(company),
            max_upload=self.core.config.media.max_upload_size,
            bus=None if company is None else company.bus,
            outage=self.outage,
            draining=self.core.draining,
        )

    async def listen(self, server: Server) -> list[str]:
        """Open the public listeners; returns their addresses."""
        return [
            await server.listen(listener, build_app(self.site, listener.resources, proxied=listener.proxied))
            for listener in self.composition.listeners
        ]

    async def _report(self) -> bytes:
        """For `hs status`."""
        return msgspec.json.encode(report(self.core, self.readiness.reasons))

    @asynccontextmanager
    async def internal(self) -> AsyncIterator[None]:
        """Be one of the processes of the deployment: answer the others, and own what falls to this one."""
        company = self.layout.company
        if company is None:
            yield
            return
        from hs_core.cluster.internal import CallDoor, InternalApp

        core, cluster = self.core, self.core.config.cluster
        app = InternalApp(
            secrets=[secret for secret in (cluster.secret, cluster.previous_secret) if secret is not None],
            calls=CallDoor(self.composition.installed, core.services, self.layout.leases, company.bus.carried),
            public=build_app(self.site, tuple(Resource)),
            reports={REPORT: self._report},
        )
        server = Server(core.draining)
        address = await server.listen(Listener(cluster.bind, 0, resources=tuple(Resource)), app)
        async with company.registry.joined(address):
            try:
                yield
            finally:
                await company.registry.hand_over()
                await server.drain(DRAIN_SECONDS)


def _forward(company: Company) -> Forward:
    from hs_core.http.forward import Forwarder

    return Forwarder(company.registry, company.peers)
