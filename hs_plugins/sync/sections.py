"""The parts of a response that other plugins know about."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from hs_core.matrix.filters import EventFilter, Filter
from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Parts, Section, SectionEvent, SectionReader, Window
from hs_core.streams.token import EVENTS_KEY
from hs_plugins.sync.views import UserView
from hs_plugins.sync.wanted import Wanted


@dataclass(frozen=True, slots=True)
class OpenSection:
    """A section and its reader."""

    section: Section[Any]
    reader: SectionReader


@dataclass(slots=True)
class Collected:
    """What the sections said, filtered and merged."""

    top: dict[str, Any] = field(default_factory=dict)
    """Top-level keys of the response."""
    rooms: dict[RoomId, dict[str, Any]] = field(default_factory=dict)
    """Keys of joined rooms."""
    news: bool = False


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What sections must know of the rest of the response."""

    joined: Collection[RoomId]
    newly_joined: Collection[RoomId]
    newly_left: Collection[RoomId]
    shown: Collection[RoomId]


class Sections:
    """All sections of the installed plugins."""

    def __init__(self, sections: Mapping[str, OpenSection]) -> None:
        self._sections = sections

    async def collect(
        self, wanted: Wanted, view: UserView, rooms: Neighbours, positions: dict[str, int], *, final: bool
    ) -> Collected:
        """Ask those that may have news and, if a response is to be sent, those as well that speak every time.

        That is so with `final`, or once one of them has news. Moves `positions` back where a reader stopped early.
        """
        collected = Collected()
        since = wanted.since or {}
        moved = bool(rooms.newly_joined or rooms.newly_left)
        events_moved = moved or _may_have_news(view, EVENTS_KEY, since.get(EVENTS_KEY), positions[EVENTS_KEY])
        now, later = [], []
        for key, each in self._sections.items():
            moved_for_it = events_moved if each.section.every_time else moved
            if moved_for_it or _may_have_news(view, key, since.get(key), positions[key]):
                now.append(key)
            elif each.section.every_time:
                later.append(key)
        await self._ask(now, wanted, rooms, positions, collected)
        if final or collected.news:
            await self._ask(later, wanted, rooms, positions, collected)
        return collected

    async def _ask(
        self, keys: list[str], wanted: Wanted, rooms: Neighbours, positions: dict[str, int], collected: Collected
    ) -> None:
        def ask(key: str) -> Coroutine[Any, Any, Parts | None]:
            return self._sections[key].reader.collect(_window(wanted, rooms, key, positions))

        if wanted.since is None:  # most of them look into the database
            told = await asyncio.gather(*map(ask, keys))
        else:  # most of them know it already
            told = [await ask(key) for key in keys]
        for key, parts in zip(keys, told, strict=True):
            if parts is not None:
                _merge(collected, parts, wanted.filter)
                if parts.up_to is not None and parts.up_to > ((wanted.since or {}).get(key) or 0):
                    positions[key] = parts.up_to

    def concerned(self, wanted: Wanted, view: UserView, positions: Mapping[str, int]) -> bool:
        """Whether one of them may have news."""
        since = wanted.since or {}
        return any(_may_have_news(view, key, since.get(key), positions[key]) for key in self._sections)


def _may_have_news(view: UserView, key: str, after: int | None, up_to: int) -> bool:
    if after is None:
        return True
    concerned = view.concerned_since(key, after)
    return up_to > after if concerned is None else concerned


def _window(wanted: Wanted, rooms: Neighbours, key: str, positions: Mapping[str, int]) -> Window:
    return Window(
        user_id=wanted.user_id,
        device_id=wanted.device_id,
        after=None if wanted.since is None else wanted.since.get(key),
        up_to=positions[key],
        joined=rooms.joined,
        newly_joined=rooms.newly_joined,
        newly_left=rooms.newly_left,
        shown=rooms.shown,
        events_after=wanted.events_since,
        events_up_to=positions[EVENTS_KEY],
        per_thread=wanted.filter.room.timeline.unread_thread_notifications,
    )


def _merge(collected: Collected, parts: Parts, wanted: Filter) -> None:
    filters = {"presence": wanted.presence, "account_data": wanted.account_data}
    told = False
    for key, events in parts.events.items():
        told |= _add(collected.top, key, _passing(events, filters.get(key)))
    collected.top.update(parts.fields)
    told |= bool(parts.fields)
    for room_id, room in parts.rooms.items():
        if not wanted.room.allows_room(room_id):
            continue
        keys = collected.rooms.get(room_id, {})
        if wanted.room.ephemeral.allows_room(room_id):
            told |= _add(keys, "ephemeral", _passing(room.ephemeral, wanted.room.ephemeral))
        if wanted.room.account_data.allows_room(room_id):
            told |= _add(keys, "account_data", _passing(room.account_data, wanted.room.account_data))
        keys.update(room.fields)
        told |= bool(room.fields)
        if keys:
            collected.rooms[room_id] = keys
    collected.news |= told and parts.news


def _passing(events: Iterable[SectionEvent], wanted: EventFilter | None) -> list[orjson.Fragment]:
    return [
        orjson.Fragment(event.json) for event in events if wanted is None or wanted.allows(event.type, event.sender)
    ]


def _add(keys: dict[str, Any], key: str, events: list[orjson.Fragment]) -> bool:
    if not events:
        return False
    keys.setdefault(key, {"events": []})["events"].extend(events)
    return True
