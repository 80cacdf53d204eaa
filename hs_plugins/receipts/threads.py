"""Whether an event belongs to the thread that a receipt names ("Threaded read receipts")."""

from __future__ import annotations

from hs_core.errors import InvalidParam
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.relations import MAX_HOPS_TO_THREAD, relation_of, thread_of
from hs_plugins.receipts.rows import MAIN
from hs_plugins.rooms.api import Timelines


async def check_thread(event: Event, thread_id: str, timelines: Timelines) -> None:
    """Raises InvalidParam if "the `event_id` is not related to the `thread_id`".

    Roots are in the main timeline, as is what relates to them otherwise. Clients send receipts for them in their thread
    as well, to say that they have read the thread from its beginning.
    """
    above = await _above(event, timelines)
    thread = thread_of(event, above.get)
    if thread_id == MAIN:
        if thread is not None:
            raise InvalidParam("The event is in a thread")
    elif thread_id != thread and (thread is not None or thread_id not in {event.event_id, *above}):
        raise InvalidParam("The event is not in this thread")


async def _above(event: Event, timelines: Timelines) -> dict[EventId, Event]:
    """The events that this one relates to, directly or not, as far as one looks for a thread."""
    above: dict[EventId, Event] = {}
    relation = relation_of(event.content)
    while relation is not None and len(above) < MAX_HOPS_TO_THREAD and relation.event_id not in above:
        stored = (await timelines.events([relation.event_id])).get(relation.event_id)
        if stored is None or stored.event.room_id != event.room_id:
            break
        above[relation.event_id] = stored.event
        relation = relation_of(stored.event.content)
    return above
