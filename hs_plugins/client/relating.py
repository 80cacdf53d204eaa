"""Events that relate to another, directly or not, as far as a reader may see them."""

from collections.abc import Sequence

from hs_core.matrix.identifiers import EventId, RoomId
from hs_core.matrix.relations import is_valid_thread_root
from hs_plugins.client.paging import BEGINNING, END, MAX_EXAMINED, Found, Stretch
from hs_plugins.rooms.api import Bounds, Place, Reader, Relation, RoomsRead, StoredEvent, Thread

MAX_DEPTH = 3
""" "Homeservers SHOULD traverse at least 3 levels of relationships." """

MAX_DESCENDANTS = 5000
"""Indirect relations of one event that are looked at."""

Kinds = tuple[str | None, str | None]
"""A relation type and an event type; `None` for any."""


async def children(read: RoomsRead, room_id: RoomId, parent: EventId, stretch: Stretch, kinds: Kinds) -> list[Relation]:
    """What relates to the event within a stretch of the timeline, in its direction."""
    stop = stretch.stop or (BEGINNING if stretch.backwards else END)
    bounds = Bounds(stretch.start, stop, stretch.backwards, MAX_EXAMINED)
    return await read.timelines.children(room_id, parent, bounds, rel_type=kinds[0], event_type=kinds[1])


async def descendants(read: RoomsRead, parent: EventId, stretch: Stretch, kinds: Kinds) -> list[Relation]:
    """The same with what relates to what relates to the event, and so on, each once."""
    found: dict[EventId, Relation] = {}
    level = [parent]
    for _ in range(MAX_DEPTH):
        related = [one for one in await read.timelines.related(level) if one.event_id not in found]
        found.update((one.event_id, one) for one in related if one.event_id != parent)
        level = [one.event_id for one in related]
        if not level or len(found) >= MAX_DESCENDANTS:
            break
    return _cut(list(found.values()), stretch, kinds)


async def readable(
    read: RoomsRead, room_id: RoomId, reader: Reader, relations: Sequence[Relation], stretch: Stretch
) -> Found:
    """The first of the relations' events, in this room, that the reader may see; at most the stretch's limit."""
    events: list[StoredEvent] = []
    for begin in range(0, len(relations), stretch.limit):
        some = relations[begin : begin + stretch.limit]
        loaded = await read.timelines.events([one.event_id for one in some])
        known = [(one, loaded[one.event_id]) for one in some if one.event_id in loaded]
        candidates = [(one, stored) for one, stored in known if stored.event.room_id == room_id]
        visible = await read.timelines.visible(reader.user_id, [stored for _, stored in candidates])
        for (relation, stored), may_see in zip(candidates, visible, strict=True):
            if may_see and stored.event.sender not in reader.ignored:
                events.append(stored)
            if len(events) == stretch.limit:
                return Found(events, _beyond(relation, stretch) if relation is not relations[-1] else None)
    return Found(events, _beyond(relations[-1], stretch) if len(relations) == MAX_EXAMINED else None)


async def thread_roots(
    read: RoomsRead, room_id: RoomId, reader: Reader, threads: Sequence[Thread]
) -> list[StoredEvent]:
    """The roots of a room's threads, as far as the reader may see them."""
    loaded = await read.timelines.events([thread.root for thread in threads])
    known = [loaded[thread.root] for thread in threads if thread.root in loaded]
    roots = [root for root in known if root.event.room_id == room_id and is_valid_thread_root(root.event)]
    visible = await read.timelines.visible(reader.user_id, roots)
    return [root for root, may_see in zip(roots, visible, strict=True) if may_see]


def _beyond(relation: Relation, stretch: Stretch) -> Place:
    place = relation.place
    return Place(place.depth, place.position - 1) if stretch.backwards else place


def _cut(relations: Sequence[Relation], stretch: Stretch, kinds: Kinds) -> list[Relation]:
    """Those of the stretch, in its direction, with that relation and event type."""
    rel_type, event_type = kinds
    low, high = (stretch.stop, stretch.start) if stretch.backwards else (stretch.start, stretch.stop)
    wanted = [
        one
        for one in relations
        if (low or BEGINNING) < one.place <= (high or END)
        and rel_type in {None, one.rel_type}
        and event_type in {None, one.type}
    ]
    return sorted(wanted, key=lambda one: one.place, reverse=stretch.backwards)[:MAX_EXAMINED]
