"""What happened around a result, and who said it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hs_plugins.rooms.api import Place, RoomsRead, StoredEvent, View, place_to_token
from hs_plugins.search.gathering import Gatherer

MAX_AROUND: Final = 50
"""Events before a result, and after it."""


class Around(msgspec.Struct, frozen=True):
    """Events around a result: those before it the latest first, as `/context` has them."""

    before: list[StoredEvent]
    after: list[StoredEvent]
    start: Place
    end: Place

    async def shown(self, gatherer: Gatherer) -> dict[str, Any]:
        """ "Context for result, if requested"."""
        events = [*self.before, *self.after]
        shown = await gatherer.read.showing.events(gatherer.reader, events)
        return {
            "start": place_to_token(self.start),
            "end": place_to_token(self.end),
            "events_before": shown[: len(self.before)],
            "events_after": shown[len(self.before) :],
        }


async def around(gatherer: Gatherer, view: View, stored: StoredEvent, before: int, after: int) -> Around:
    """The events that the searcher may see of up to so many before and after a result."""
    assert stored.position is not None, "results have a place in their rooms"
    room_id, timelines = stored.event.room_id, gatherer.read.timelines
    start = Place(stored.event.depth, stored.position - 1)
    end = Place(stored.event.depth, stored.position)
    earlier: list[StoredEvent] = []
    later: list[StoredEvent] = []
    if before:
        page = await timelines.page(room_id, start, backwards=True, limit=before)
        earlier = await gatherer.visible(view, page.events)
        start = page.end or _before(earlier, start)
    if after:
        page = await timelines.page(room_id, end, backwards=False, limit=after, stop=view.until)
        later = await gatherer.visible(view, page.events)
        end = page.end or _after(later, end)
    return Around(earlier, later, start, end)


async def profiles(read: RoomsRead, stored: StoredEvent, others: Around) -> dict[str, Any]:
    """ "The historic profile information of the users that sent the events returned", as it was at the result."""
    senders = {one.event.sender for one in (stored, *others.before, *others.after)}
    root = stored.state_after or stored.state_before
    if root is None:
        return {}
    ids = await read.states.lookup(root, [("m.room.member", sender) for sender in sorted(senders)])
    events = await read.timelines.events(ids.values())
    found = {}
    for (_, user), event_id in ids.items():
        content = events[event_id].event.content if event_id in events else {}
        found[user] = {key: content[key] for key in ("displayname", "avatar_url") if isinstance(content.get(key), str)}
    return found


def _before(events: list[StoredEvent], place: Place) -> Place:
    return Place(events[-1].event.depth, (events[-1].position or 0) - 1) if events else place


def _after(events: list[StoredEvent], place: Place) -> Place:
    return Place(events[-1].event.depth, events[-1].position or 0) if events else place
