"""Keys and well-formed events of every room version, for tests to start from."""

from typing import Any

from hs_core.matrix.event import Event
from hs_core.matrix.event_building import EventDraft, LegacyNames, build_event
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.signing import SigningKey

SERVER = ServerName("example.org")
ALICE = UserId("@alice:example.org")
BOB = UserId("@bob:elsewhere.org")
KEY = SigningKey("a_1", bytes(range(32)))
OTHER_KEY = SigningKey("b_2", bytes(range(32, 64)))
NOW = 1_700_000_000_000
"""The `origin_server_ts` of the example events."""


def room_id_in(version: RoomVersion) -> RoomId:
    return RoomId("!" + "r" * 43 if version.room_id_is_create_event_id else "!room:example.org")


def event_ids_in(version: RoomVersion, count: int) -> list[EventId]:
    """IDs of events that might exist."""
    legacy = version.event_format is EventFormat.ID_IN_EVENT
    return [EventId(f"$event{n}:example.org" if legacy else f"${n:043}") for n in range(count)]


def example_event(
    version: RoomVersion,
    event_type: str = "m.room.message",
    content: dict[str, Any] | None = None,
    *,
    keys: tuple[SigningKey, ...] = (KEY,),
    **draft: Any,
) -> Event:
    """A signed event by Alice; by default a message. `draft` are more fields of its `EventDraft`."""
    ids = event_ids_in(version, 3)
    return build_event(
        EventDraft(
            **{
                "room_id": room_id_in(version),
                "sender": ALICE,
                "type": event_type,
                "content": {"msgtype": "m.text", "body": "Hello"} if content is None else content,
                **draft,
            }
        ),
        version,
        depth=7,
        prev_events=ids[:1],
        auth_events=ids[1:],
        origin_server_ts=NOW,
        signing_keys=keys,
        legacy_names=LegacyNames(EventId("$own:example.org"), dict.fromkeys(ids, bytes(32)))
        if version.event_format is EventFormat.ID_IN_EVENT
        else None,
    )
