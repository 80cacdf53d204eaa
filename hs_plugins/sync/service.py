"""Wait until there is something to tell, and tell it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import orjson

from hs_core.core import Core
from hs_core.plugin.hooks import Hooks
from hs_core.streams.token import EVENTS_KEY, format_token
from hs_plugins.directory.api import DIRECTORY_READ
from hs_plugins.rooms.api import EVENTS, ROOMS_READ, RoomsRead
from hs_plugins.sync.assemble import Assembler
from hs_plugins.sync.config import SyncConfig
from hs_plugins.sync.event_stream import EventStream
from hs_plugins.sync.follow import Following
from hs_plugins.sync.gather import Gatherer
from hs_plugins.sync.lazy import ToldMembers
from hs_plugins.sync.recent import Recent
from hs_plugins.sync.sections import OpenSection, Sections
from hs_plugins.sync.snapshots import Snapshots
from hs_plugins.sync.stored_filters import StoredFilters
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import Wanted


@dataclass(frozen=True)
class Syncing:
    """The role: answers clients that ask what is new."""

    following: Following
    sections: Sections
    assembler: Assembler
    read: RoomsRead
    filters: StoredFilters
    snapshots: Snapshots
    stream: EventStream
    hooks: Hooks
    draining: asyncio.Event

    @classmethod
    @asynccontextmanager
    async def start(cls, core: Core) -> AsyncIterator[Syncing]:
        """Follow the streams for as long as the context lasts; when the process drains, everybody is answered."""
        read = core.read_sides[ROOMS_READ]
        declared = {section.key: section for plugin in core.installed.values() for section in plugin.sections}
        followed = {key: (section, core.follower(section.stream)) for key, section in declared.items()}
        config, events = core.section("sync", SyncConfig), core.follower(EVENTS)
        recent = Recent(events.position, config.recent_bytes, config.recent_events, core.server_name)
        following = Following(events, followed, read.members, recent, core.clock)
        sections = Sections({key: OpenSection(section, section.open(core)) for key, section in declared.items()})
        gatherer = Gatherer(recent, read, core.clock, ToldMembers(), core.hooks)
        assembler = Assembler(following, read, sections, gatherer)
        role = cls(
            following,
            sections,
            assembler,
            read,
            StoredFilters(core.db),
            Snapshots(assembler, read, core.read_sides[DIRECTORY_READ]),
            EventStream(assembler, read, core.db),
            core.hooks,
            core.draining,
        )
        async with asyncio.TaskGroup() as group:
            draining = group.create_task(role._answer_all_when_draining(), name="drain syncs")
            yield role
            draining.cancel()

    async def sync(self, wanted: Wanted) -> bytes:
        """The response, as soon as there is news for the client, or its time is up."""
        deadline = asyncio.get_running_loop().time() + wanted.timeout
        if wanted.since is not None and not await self._reached(wanted.since, deadline):
            return orjson.dumps({"next_batch": format_token(wanted.since)})
        at_once = wanted.since is None or wanted.full_state
        while True:
            over = at_once or self.draining.is_set() or asyncio.get_running_loop().time() >= deadline
            view = await self.following.views.of(wanted.user_id)
            if over or self._may_be_news(wanted, view):
                answer = await self.assembler.answer(wanted, view, final=over)
                if answer.news or over:
                    return answer.body
                # Nothing of what happened is for this client, so it need not be looked at again.
                wanted = replace(wanted, since=answer.positions)
            else:
                await self.following.news(view, deadline)

    async def _reached(self, since: Mapping[str, int], deadline: float) -> bool:
        """Whether this process has come to where another one had been when it wrote the token."""
        if self.following.has_reached(since):
            return True
        try:
            async with asyncio.timeout_at(deadline):
                await self.following.reached(since)
        except TimeoutError:
            return False
        return True

    def _may_be_news(self, wanted: Wanted, view: UserView) -> bool:
        positions = self.following.positions()
        since = wanted.events_since or 0
        concerned = view.concerned_since(EVENTS_KEY, since)
        if concerned or (concerned is None and positions[EVENTS_KEY] > since):
            return True
        return self.sections.concerned(wanted, view, positions)

    async def _answer_all_when_draining(self) -> None:
        await self.draining.wait()
        self.following.wake_all()
