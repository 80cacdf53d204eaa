"""Rooms in brief: what the published room directory, spaces and previews say of a room."""

from collections.abc import Collection, Mapping
from typing import Any

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import RoomId, parse_mxc_uri, parse_room_alias
from hs_core.matrix.join_rules import allowed_rooms
from hs_plugins.rooms.api import RoomInfo, RoomSummary
from hs_plugins.rooms.event_cache import EventCache
from hs_plugins.rooms.reading.states import StoredStates

MAX_TEXT = 1000
"""Characters of a name or topic that are shown to people outside the room."""

MAX_ALLOWED_ROOMS = 100

_TYPES = (
    "m.room.create", "m.room.name", "m.room.topic", "m.room.avatar", "m.room.canonical_alias", "m.room.join_rules",
    "m.room.history_visibility", "m.room.guest_access", "m.room.encryption",
)  # fmt: skip
_KEYS: tuple[StateKey, ...] = tuple((event_type, "") for event_type in _TYPES)


class StoredSummaries:
    """`RoomSummaries` out of the rooms' current states."""

    def __init__(self, states: StoredStates, events: EventCache) -> None:
        self._states = states
        self._events = events

    async def of(self, rooms: Collection[RoomInfo]) -> dict[RoomId, RoomSummary]:
        ids = {room.room_id: await self._states.lookup(room.state, _KEYS) for room in rooms}
        events = await self._events.load({event_id for found in ids.values() for event_id in found.values()})
        return {
            room.room_id: _summarise(
                room, {key[0]: events[event_id].event for key, event_id in ids[room.room_id].items()}
            )
            for room in rooms
        }


def _summarise(room: RoomInfo, state: Mapping[str, Event]) -> RoomSummary:
    def said(event_type: str, key: str) -> Any:
        event = state.get(event_type)
        return event.content.get(key) if event else None

    return RoomSummary(
        room_id=room.room_id,
        num_joined_members=room.joined_members,
        world_readable=said("m.room.history_visibility", "history_visibility") == "world_readable",
        guest_can_join=said("m.room.guest_access", "guest_access") == "can_join",
        room_version=room.version,
        name=_text(said("m.room.name", "name")),
        topic=_text(said("m.room.topic", "topic")),
        canonical_alias=_valid(parse_room_alias, said("m.room.canonical_alias", "alias")),
        avatar_url=_valid(parse_mxc_uri, said("m.room.avatar", "url")),
        # "The default join rule [...] `invite`": authorisation rules take a room without the event as one.
        join_rule=_text(said("m.room.join_rules", "join_rule")) or "invite",
        room_type=_text(said("m.room.create", "type")),
        encryption=_text(said("m.room.encryption", "algorithm")),
        allowed_room_ids=_allowed(state.get("m.room.join_rules")),
    )


def _text(value: object) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _valid(parse: Any, value: object) -> str | None:
    """An identifier that a member of the room set, if it is one."""
    try:
        return str(parse(value))
    except ProtocolError:
        return None


def _allowed(rules: Event | None) -> tuple[RoomId, ...]:
    """ "If the room is a restricted room, these are the room IDs which are specified by the join rules."""
    if rules is None or _text(rules.content.get("join_rule")) not in {"restricted", "knock_restricted"}:
        return ()
    return tuple(allowed_rooms(rules.content)[:MAX_ALLOWED_ROOMS])
