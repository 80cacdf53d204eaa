"""A room in a few lines: events without signatures, and the state that they make."""

from itertools import count
from typing import Any

import pytest

from hs_core.matrix.auth import AuthState, authorise
from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.matrix.room_version import ROOM_VERSIONS, EventFormat, RoomVersion

ALICE = UserId("@alice:example.org")
"""Who creates rooms. The others are on another server."""
BOB = UserId("@bob:elsewhere.org")
CAROL = UserId("@carol:elsewhere.org")
DAVE = UserId("@dave:third.example")

VERSIONS = list(ROOM_VERSIONS.values())


def versions_where(**flags: bool) -> list[RoomVersion]:
    return [version for version in VERSIONS if all(getattr(version, name) is value for name, value in flags.items())]


def in_versions(versions: list[RoomVersion] = VERSIONS) -> pytest.MarkDecorator:
    """Run a test with the argument `version` in each of these room versions."""
    return pytest.mark.parametrize("version", versions, ids=lambda version: f"v{version.identifier}")


class Room:
    """A room whose state is set by decree, so that each test asks about one event."""

    def __init__(self, version: RoomVersion, create_content: dict[str, Any] | None = None) -> None:
        self.version = version
        self.state: dict[StateKey, Event] = {}
        self._numbers = count()
        derived = version.room_id_is_create_event_id
        self.room_id = RoomId("!" + "c" * 43) if derived else RoomId("!room:example.org")
        content = {} if version.creator_is_sender else {"creator": ALICE}
        content |= {"room_version": version.identifier} | (create_content or {})
        self.create = self.put(
            "m.room.create", ALICE, content, "", prev_events=(), event_id="$" + "c" * 43 if derived else None
        )

    def event(
        self,
        event_type: str,
        sender: str,
        content: Any,
        state_key: Any = None,
        *,
        prev_events: tuple[str, ...] | None = None,
        auth_events: tuple[Event, ...] = (),
        redacts: str | None = None,
        event_id: str | None = None,
        room_id: str | None = None,
    ) -> Event:
        number = next(self._numbers)
        if event_id is None:
            legacy = self.version.event_format is EventFormat.ID_IN_EVENT
            event_id = f"${number}:{sender.partition(':')[2]}" if legacy else f"${number:043}"
        pdu = {"type": event_type, "sender": sender, "content": content}
        if not self.version.room_id_is_create_event_id or event_type != "m.room.create":
            pdu["room_id"] = room_id or self.room_id
        if state_key is not None:
            pdu["state_key"] = state_key
        return Event(
            event_id=EventId(event_id),
            room_id=RoomId(room_id or self.room_id),
            sender=UserId(sender),
            type=event_type,
            state_key=state_key,
            content=content,
            origin_server_ts=number,
            depth=number,
            prev_events=tuple(map(EventId, ("$before",) if prev_events is None else prev_events)),
            auth_events=tuple(event.event_id for event in auth_events),
            redacts=None if redacts is None else EventId(redacts),
            room_version=self.version,
            pdu=pdu,
        )

    def put(self, event_type: str, sender: str, content: Any, state_key: str = "", **more: Any) -> Event:
        """Make an event current, allowed or not."""
        event = self.event(event_type, sender, content, state_key, **more)
        self.state[event.key] = event
        return event

    def put_member(self, user: str, membership: Any, **content: Any) -> Event:
        return self.put("m.room.member", user, {"membership": membership, **content}, user)

    def put_members(self, **memberships: str) -> None:
        """`put_members(alice="join")`, with the names in capitals above."""
        people = {"alice": ALICE, "bob": BOB, "carol": CAROL, "dave": DAVE}
        for name, membership in memberships.items():
            self.put_member(people[name], membership)

    def put_power(self, users: dict[str, Any] | None = None, **content: Any) -> Event:
        """Set power levels. The creator has 100, where one can say so."""
        own = {} if self.version.creators_have_infinite_power else {ALICE: 100}
        return self.put("m.room.power_levels", ALICE, {"users": {**own, **(users or {})}, **content})

    def put_join_rule(self, rule: Any) -> Event:
        return self.put("m.room.join_rules", ALICE, {"join_rule": rule})

    def member(self, target: Any, membership: Any, *, by: str, prev_events: Any = None, **content: Any) -> Event:
        return self.event("m.room.member", by, {"membership": membership, **content}, target, prev_events=prev_events)

    def message(self, sender: str, event_type: str = "m.room.message", **content: Any) -> Event:
        return self.event(event_type, sender, content)

    @property
    def auth_state(self) -> AuthState:
        return AuthState(self.state.get)

    def allows(self, event: Event) -> bool:
        try:
            authorise(event, self.auth_state)
        except Rejected:
            return False
        return True

    def refusal(self, event: Event) -> str:
        """Why an event is rejected."""
        with pytest.raises(Rejected) as caught:
            authorise(event, self.auth_state)
        return str(caught.value)
