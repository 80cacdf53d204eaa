"""What a server tells a reader about an event beside the event itself (client-server API, `UnsignedData`)."""

from collections.abc import Mapping, Sequence

from hs_core.clock import Clock
from hs_core.matrix.client_event import Unsigned, client_event
from hs_core.matrix.identifiers import EventId, UserId
from hs_core.matrix.membership import membership_of
from hs_plugins.rooms import state_map
from hs_plugins.rooms.api import DELAYED, Reader
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.visibility import Visibility
from hs_plugins.rooms.state_map import Nodes
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.stored import StateRoot, StoredEvent


class Annotating:
    """Makes `unsigned` for a page of events of one room."""

    def __init__(self, events: EventCache, nodes: StateNodes, visibility: Visibility, clock: Clock) -> None:
        self._events = events
        self._nodes = nodes
        self._visibility = visibility
        self._clock = clock

    async def of(self, reader: Reader, events: Sequence[StoredEvent]) -> dict[EventId, Unsigned]:
        """By event ID."""
        members = await self._members(reader.user_id, events)
        wanted = {one for stored in events for one in (stored.replaces, stored.redacted_by) if one is not None}
        loaded = await self._events.load(wanted | set(members.values())) if wanted or members else {}
        replaced = [loaded[one.replaces] for one in events if one.replaces is not None and one.replaces in loaded]
        flags = await self._visibility.of(reader.user_id, replaced)
        told = {one.event.event_id for one, visible in zip(replaced, flags, strict=True) if visible}
        now = self._clock.now_ms()
        memberships = {root: membership_of(loaded[one].event).value for root, one in members.items() if one in loaded}

        def annotate(stored: StoredEvent) -> Unsigned:
            event, before = stored.event, stored.replaces
            redaction = loaded.get(stored.redacted_by) if stored.redacted_by else None
            membership = memberships.get(stored.state_after) if stored.state_after else None
            own = event.sender == reader.user_id and stored.device_id is not None
            return Unsigned(
                age=now - event.origin_server_ts,
                redacted_because=client_event(redaction.event) if redaction else None,
                transaction_id=stored.txn_id if own and stored.device_id == reader.device_id else None,
                delay_id=stored.txn_id if own and stored.device_id == DELAYED else None,
                prev_content=loaded[before].event.content if before in told else None,
                replaces_state=before,
                membership=membership or "leave",
            )

        return {stored.event.event_id: annotate(stored) for stored in events}

    async def _members(self, user: UserId, events: Sequence[StoredEvent]) -> Mapping[StateRoot, EventId]:
        """The reader's member event in each of the states after the events."""
        roots = {stored.state_after for stored in events if stored.state_after is not None}
        key = ("m.room.member", user)

        def look_up(nodes: Nodes) -> dict[StateRoot, EventId]:
            return {root: found for root in roots if (found := state_map.get(nodes, root, key)) is not None}

        return await self._nodes.ask(look_up)
