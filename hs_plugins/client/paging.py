"""A part of a room's timeline as one user may see it (client-server API, "Pagination", "Filtering")."""

from collections.abc import Callable
from dataclasses import dataclass

from hs_core.errors import InvalidParam, MissingParam
from hs_core.http.request import Request
from hs_core.matrix.canonical_json import decode_json
from hs_core.matrix.event import Event
from hs_core.matrix.filters import EVERY_ROOM_EVENT, RoomEventFilter, parse_room_event_filter
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.rooms.api import Bounds, Page, Place, Reader, RoomsRead, StoredEvent, View, place_from_token

BEGINNING = Place(-1, 0)
"""Before every event of a room."""
END = Place(2**63 - 1, 2**63 - 1)

MAX_LIMIT = 1000
"""Events in one answer."""
MAX_EXAMINED = 2000
"""Events that one request looks at to find those that the user may see and wants; the client can go on from there."""
_LEAST_FETCHED = 20


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which part of the timeline somebody wants."""

    start: Place
    stop: Place | None
    backwards: bool
    limit: int

    def within(self, view: View) -> "Stretch":
        """The same, but not beyond what the view shows."""
        if view.until is None:
            return self
        if self.backwards:
            return Stretch(min(self.start, view.until), self.stop, True, self.limit)
        stop = view.until if self.stop is None else min(self.stop, view.until)
        return Stretch(self.start, stop, False, self.limit)


@dataclass(frozen=True, slots=True)
class Found:
    """The events of a stretch that somebody may see."""

    events: list[StoredEvent]
    end: Place | None
    """Where to go on; `None` if there is nothing further."""
    parents: frozenset[EventId] = frozenset()
    """Those of the events that others relate to."""


async def look(read: RoomsRead, reader: Reader, room_id: RoomId, stretch: Stretch) -> tuple[View, Page | None]:
    """What the reader may see of the room, and the page that `find` begins with, if that could be read along."""
    if not stretch.limit:
        return await read.views.of(reader.user_id, room_id), None
    bounds = Bounds(
        stretch.start,
        stretch.stop or (BEGINNING if stretch.backwards else END),
        stretch.backwards,
        _fetched(stretch.limit),
    )
    return await read.views.with_page(reader.user_id, room_id, bounds)


async def find(
    read: RoomsRead,
    view: View,
    reader: Reader,
    stretch: Stretch,
    wanted: Callable[[Event], bool],
    *,
    first: Page | None = None,
) -> Found:
    """The first events of the stretch, which is within the view, that the reader may see and that are `wanted`.

    `first` is the page that `look` found. Looks at no more than `MAX_EXAMINED` events: it may find fewer than the
    limit, and still say where to go on.
    """
    events: list[StoredEvent] = []
    parents: frozenset[EventId] = frozenset()
    place, examined = stretch.start, 0
    while True:
        missing = stretch.limit - len(events)
        if missing <= 0 or examined >= MAX_EXAMINED:
            return Found(events, place, parents)
        page = first or await read.timelines.page(
            view.room.room_id, place, backwards=stretch.backwards, limit=_fetched(missing), stop=stretch.stop
        )
        first = None
        examined += len(page.events)
        parents |= page.parents
        candidates = [one for one in page.events if wanted(one.event) and _is_wanted_sender(one.event, reader)]
        visible = await read.timelines.visible(reader.user_id, candidates, joined=view.is_member)
        seen = [one for one, may_see in zip(candidates, visible, strict=True) if may_see]
        events += seen[:missing]
        if len(seen) > missing:
            return Found(events, after(events[-1], stretch.backwards), parents)
        if page.end is None:
            return Found(events, None, parents)
        place = page.end


def _fetched(missing: int) -> int:
    """How many events to read when so many are missing: some of those that are read may not be shown."""
    return max(missing, _LEAST_FETCHED)


def after(stored: StoredEvent, backwards: bool) -> Place:
    """The place beyond an event, in the direction of reading."""
    assert stored.position is not None
    return Place(stored.event.depth, stored.position - 1 if backwards else stored.position)


def _is_wanted_sender(event: Event, reader: Reader) -> bool:
    """ "Servers MUST still send invites [...] and state events" of ignored users; their messages are not shown."""
    return event.sender not in reader.ignored or event.is_state


def direction(request: Request, default: str | None = None) -> bool:
    """Whether the query's `dir` says backwards. Raises MissingParam, InvalidParam."""
    value = request.query_text("dir") or default
    if value is None:
        raise MissingParam("The query parameter 'dir' is missing")
    if value not in {"b", "f"}:
        raise InvalidParam("The query parameter 'dir' must be b or f")
    return value == "b"


def room_event_filter(request: Request) -> RoomEventFilter:
    """The query's `filter`: "A JSON RoomEventFilter". Raises ProtocolError if it is none."""
    text = request.query_text("filter")
    return parse_room_event_filter(decode_json(text)) if text else EVERY_ROOM_EVENT


async def place_from_query(request: Request, name: str, room_id: RoomId, read: RoomsRead) -> Place | None:
    """The place that a token in the query names. Raises InvalidParam if it is no token."""
    token = request.query_text(name)
    return None if not token else await place_from_token(token, room_id, read.timelines)
