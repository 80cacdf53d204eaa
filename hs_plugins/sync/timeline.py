"""Which events of a span the client is shown: those that its filter lets through and its user may see."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

import orjson

from hs_core.matrix.filters import RoomEventFilter
from hs_core.matrix.identifiers import EventId, UserId
from hs_plugins.rooms.api import EventRow, Place, RoomsRead, place_to_token
from hs_plugins.sync.openness import open_states
from hs_plugins.sync.plans import previous_membership
from hs_plugins.sync.spans import Span

_AT_ONCE: Final = 20
"""Events, at least, whose visibility is looked up together."""


class Shown(NamedTuple):
    """An event of the timeline."""

    row: EventRow
    membership: str
    """The reader's at the event, "including any changes caused by the event"."""
    redacted: bool


@dataclass(slots=True)
class Timeline:
    """What is shown of a span, the oldest first."""

    span: Span
    events: list[Shown]
    first: int
    """The index of the first of them among the span's rows; their number, if none is shown."""
    limited: bool
    prev_batch: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are shown, and to whom."""

    user_id: UserId
    filter: RoomEventFilter
    ignored: Collection[UserId]
    """Users whose events are not shown, save state."""
    limit: int

    def wants(self, row: EventRow) -> bool:
        """ "Once ignored, the client will no longer receive events sent by that user, with the exception of state
        events."
        """
        return passes(row, self.filter) and (row.sender not in self.ignored or row.state_key is not None)


class _Candidate(NamedTuple):
    at: int
    membership: str
    certain: bool
    """Whether the user was in the room, and so may see the event whatever the history's visibility."""


def passes(row: EventRow, wanted: RoomEventFilter) -> bool:
    """Whether an event passes a filter."""
    if wanted.contains_url is None:
        return wanted.allows(row.type, row.sender)
    has_url = b'"url"' in row.client_json
    content = orjson.loads(row.client_json)["content"] if has_url else {}
    return wanted.allows_event(row.type, row.sender, content)


async def choose(span: Span, choice: Choice, read: RoomsRead) -> Timeline:
    """The newest `limit` events that the user may see and wants to."""
    if not choice.filter.allows_room(span.plan.room_id):
        return Timeline(span, [], len(span.rows), limited=False, prev_batch=None)
    candidates = _backwards(span, choice)
    found: list[_Candidate] = []
    while len(found) < choice.limit and (some := list(islice(candidates, max(choice.limit - len(found), _AT_ONCE)))):
        visible = await _visible(span, [one for one in some if not one.certain], choice.user_id, read)
        found += [one for one in some if one.certain or span.rows[one.at].row.event_id in visible]
    more = len(found) > choice.limit or next(candidates, None) is not None
    kept = found[: choice.limit][::-1]
    events = [Shown(span.rows[one.at].row, one.membership, span.rows[one.at].redacted) for one in kept]
    first = kept[0].at if kept else len(span.rows)
    limited = more or span.gap or _begins_later(span)
    return Timeline(span, events, first, limited, _prev_batch(span, first))


def _begins_later(span: Span) -> bool:
    """Whether the client misses events from before the span, although these are all that this server has of it.

    NOTSPEC: so it is said of every room that the user has just joined, as other servers do, whose clients expect to
    ask for its history.
    """
    if span.plan.after or span.plan.newly_joined:
        return span.plan.newly_joined
    return not span.rows or span.rows[0].row.type != "m.room.create"


def _backwards(span: Span, choice: Choice) -> Iterator[_Candidate]:
    """The events that pass the filter, the newest first, with the user's membership at each."""
    rows = span.rows
    if not span.plan.changed and span.plan.after:
        yield from (_Candidate(i, "join", True) for i in range(len(rows) - 1, -1, -1) if choice.wants(rows[i].row))
        return
    membership = span.plan.membership
    for index in range(len(rows) - 1, -1, -1):
        row = rows[index].row
        own = row.state_key == choice.user_id and row.type == "m.room.member"
        if own:
            membership = row.membership or "leave"
        before = previous_membership(row) if own else membership
        if choice.wants(row):
            yield _Candidate(index, membership, membership == "join" or before == "join" or own)
        membership = before


async def _visible(span: Span, uncertain: list[_Candidate], user_id: UserId, read: RoomsRead) -> set[EventId]:
    """Those of the events from before the user came that they may see."""
    if not uncertain:
        return set()
    rows = [span.rows[one.at].row for one in uncertain]
    seen: set[EventId] = set()
    if span.plan.membership == "join":
        # "If `history_visibility` was set to `shared`, and the user joined the room at any point after the event was
        # sent, allow."
        opened = await open_states({row.state_before for row in rows}, read)
        seen = {row.event_id for row in rows if row.state_before in opened}
        seen |= await _current(span, [row for row in rows if row.event_id not in seen], read)
    ids = [row.event_id for row in rows if row.event_id not in seen]
    loaded = await read.timelines.events(ids)
    events = [loaded[event_id] for event_id in ids if event_id in loaded]
    allowed = await read.timelines.visible(user_id, events)
    return seen | {stored.event.event_id for stored, may in zip(events, allowed, strict=True) if may}


async def _current(span: Span, rows: Sequence[EventRow], read: RoomsRead) -> set[EventId]:
    """Those that are part of the room's state now, which its members may see whatever the history's visibility: they
    stay where they happened, so that a client which goes through the timeline arrives at that state.
    """
    keys = [(row.type, row.state_key) for row in rows if row.state_key is not None]
    return set((await read.states.lookup(span.end, keys)).values()) if keys else set()


def _prev_batch(span: Span, first: int) -> str | None:
    """The place before the first event shown."""
    if first >= len(span.rows):
        return None
    placed = span.rows[first]
    return place_to_token(Place(placed.row.depth, placed.position - 1))
