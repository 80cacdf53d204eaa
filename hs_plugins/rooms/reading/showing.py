"""Events as their readers see them: with what only the server knows about them, and what it sums up of their children.

Client-server API, "Room event format". A page of events costs a fixed number of reads, most of which caches answer.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from hs_core.matrix.client_event import Unsigned, client_event
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms.api import Reader
from hs_plugins.rooms.reading.bundles import Bundle, Bundles
from hs_plugins.rooms.reading.unsigned import Annotating
from hs_plugins.rooms.stored import StoredEvent


class StoredShowing:
    """`Showing` over the other read sides."""

    def __init__(self, bundles: Bundles, annotating: Annotating) -> None:
        self._bundles = bundles
        self._annotating = annotating

    async def events(
        self,
        reader: Reader,
        events: Sequence[StoredEvent],
        *,
        with_room_id: bool = True,
        parents: Collection[EventId] | None = None,
    ) -> list[dict[str, Any]]:
        if not events:
            return []
        outer = await self._bundles.of(reader, events, parents)
        children = _shown(outer)
        # "the latest event of a thread" has aggregations of its own; what is bundled with it has none.
        inner = await self._bundles.of(reader, children) if children else {}
        unsigned = await self._annotating.of(reader, [*events, *children, *_shown(inner)])
        page = _Page(unsigned, with_room_id)
        return [page.show(stored.event, [outer, inner]) for stored in events]


def _shown(bundles: Mapping[EventId, Bundle]) -> list[StoredEvent]:
    return [child for bundle in bundles.values() for child in bundle.shown]


class _Page:
    """Writes events once all about them is known."""

    def __init__(self, unsigned: Mapping[EventId, Unsigned], with_room_id: bool) -> None:
        self._unsigned = unsigned
        self._with_room_id = with_room_id

    def show(self, event: Event, levels: Sequence[Mapping[EventId, Bundle]]) -> dict[str, Any]:
        """`levels` are the bundles of the event and of what is shown with it, from the outside in."""
        unsigned = self._unsigned[event.event_id]
        bundle = levels[0].get(event.event_id) if levels else None
        if bundle is not None:
            relations = bundle.aggregations.to_json(lambda child: self.show(child, levels[1:]))
            unsigned = msgspec.structs.replace(unsigned, relations=relations)
        return client_event(event, unsigned, with_room_id=self._with_room_id)
