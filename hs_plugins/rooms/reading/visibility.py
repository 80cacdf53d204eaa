"""Which events a user may see: what `hs_core.matrix.history_visibility` needs to know, for many events at once."""

from collections.abc import Mapping, Sequence

from hs_core.db import Database, Transaction
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.history_visibility import HistoryVisibility, UserAtEvent, user_may_see
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.matrix.membership import membership_of
from hs_plugins.rooms import state_map
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.members import StoredMembers
from hs_plugins.rooms.state_map import Nodes
from hs_plugins.rooms.state_nodes import StateNodes
from hs_plugins.rooms.store.members import past_memberships
from hs_plugins.rooms.stored import StateRoot, StoredEvent

VISIBILITY: StateKey = ("m.room.history_visibility", "")

ALWAYS = 2**63 - 1
"""After every position: when somebody joined who is still in the room."""


class Visibility:
    """Decides for one user and events of one room."""

    def __init__(self, db: Database, nodes: StateNodes, events: EventCache, members: StoredMembers) -> None:
        self._db = db
        self._nodes = nodes
        self._events = events
        self._members = members

    async def of(self, user: UserId, events: Sequence[StoredEvent], *, joined: bool = False) -> list[bool]:
        """For each of the events, whether the user may see it. `joined` if they are known to be in the room now."""
        if not events:
            return []
        last_join = ALWAYS if joined else await self._last_join(events[0].event.room_id, user)
        before = await self._states_before(events, user)
        # Most events of a page come after the same state.
        views = {
            (root, later): _user_at(state, user, later) for root, state in before.items() for later in (False, True)
        }

        def may_see(stored: StoredEvent) -> bool:
            if stored.position is None or stored.state_before is None:
                return False
            joins_later = last_join is not None and last_join > stored.position
            return user_may_see(stored.event, user, views[stored.state_before, joins_later])

        return [may_see(stored) for stored in events]

    async def _last_join(self, room_id: RoomId, user: UserId) -> int | None:
        """The position of the stream until which the user joined; unbounded for who is joined now."""
        membership = await self._members.membership(room_id, user)
        if membership is None:
            return None
        if membership.membership == "join":
            return ALWAYS
        return await self._db.read(lambda tx: _last_join_before_leaving(tx, room_id, user))

    async def _states_before(
        self, events: Sequence[StoredEvent], user: UserId
    ) -> Mapping[StateRoot, Mapping[StateKey, Event]]:
        """What the states before the events say about the visibility and the user."""
        roots = {stored.state_before for stored in events if stored.state_before is not None}
        keys = (VISIBILITY, ("m.room.member", user))

        def look_up(nodes: Nodes) -> dict[StateRoot, dict[StateKey, EventId]]:
            return {
                root: {key: found for key in keys if (found := state_map.get(nodes, root, key)) is not None}
                for root in roots
            }

        ids = await self._nodes.ask(look_up)
        loaded = await self._events.load({event_id for entries in ids.values() for event_id in entries.values()})
        return {root: {key: loaded[found].event for key, found in entries.items()} for root, entries in ids.items()}


def _user_at(state: Mapping[StateKey, Event], user: UserId, joins_later: bool) -> UserAtEvent:
    visibility = state.get(VISIBILITY)
    member = state.get(("m.room.member", user))
    seen_by = HistoryVisibility.from_content(visibility.content if visibility else None)
    return UserAtEvent(seen_by, membership_of(member), joins_later)


def _last_join_before_leaving(tx: Transaction, room_id: RoomId, user: UserId) -> int | None:
    past = past_memberships(tx, room_id, user)
    return next((place.position for membership, place in past if membership == "join"), None)
