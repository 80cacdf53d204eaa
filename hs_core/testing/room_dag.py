"""Drawing the history of a room: real events, hashed and signed by the servers of their senders.

```python
room = RoomDag(V11, creator=ALICE)
start = room.power({BOB: 50}, by=ALICE, after=room.join(BOB))
banned = room.ban(BOB, by=ALICE, after=start)
renamed = room.topic("Bob was here", by=BOB, after=start)
assert room.resolve(banned, renamed) == room.state_after(banned)
```
"""

from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from hs_core.matrix.auth import auth_event_keys
from hs_core.matrix.event import Event, StateMap
from hs_core.matrix.event_building import EventDraft, LegacyNames, build_event
from hs_core.matrix.event_signing import sign_event
from hs_core.matrix.hashing import reference_hash
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId, server_name_of
from hs_core.matrix.pdu import event_from_trusted_json
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.signing import SigningKey
from hs_core.testing.room_history import Place, RoomHistory

BEGINNING: Final = 1_700_000_000_000
"""The `origin_server_ts` of every room's create event."""

INTERVAL: Final = 1000
"""Milliseconds between one event and the next."""


def signing_key_of(server_name: str) -> SigningKey:
    """The key with which a server signs in these rooms: always the same."""
    return SigningKey("dag", sha256(server_name.encode()).digest())


class RoomDag(RoomHistory):
    """A room to which events are added by saying who does what. Where nothing else is said, they are those that an
    honest server would have sent next.
    """

    def __init__(
        self,
        room_version: RoomVersion,
        creator: UserId,
        *,
        bare: bool = False,
        create_content: Mapping[str, Any] | None = None,
        keys: Mapping[ServerName, SigningKey] | None = None,
        history: Sequence[Event] = (),
        name: str = "room",
    ) -> None:
        """The room begins as a public room does: create event, the creator's join, power levels (the creator has 100,
        where creators need a level), join rules; with `bare` only the first two; or with a `history` that others made.

        `keys` are keys of servers that have others than `signing_key_of` them, such as a server under test. Rooms of
        different names differ in all IDs.
        """
        super().__init__(room_version)
        self.creator = creator
        self._keys = keys or {}
        self._name = name
        for event in history:
            self.add(event)
        if not history:
            self._begin(create_content or {}, bare)

    def _begin(self, create_content: Mapping[str, Any], bare: bool) -> None:
        content: dict[str, Any] = {"room_version": self.room_version.identifier, **create_content}
        if self.room_version.room_id_is_create_event_id:
            content["name"] = self._name
        if not self.room_version.creator_is_sender:
            content.setdefault("creator", self.creator)
        self.send("m.room.create", content, state_key="", after=[])
        self.join(self.creator)
        if not bare:
            self.power({} if self.room_version.creators_have_infinite_power else {self.creator: 100})
            self.join_rules("public")

    @property
    def create_event(self) -> Event:
        return next(iter(self.events.values()))

    @property
    def room_id(self) -> RoomId:
        return self.create_event.room_id

    # What people do. `by` is the creator if not said otherwise; `more` is as for `send`.

    def join(self, user: UserId, *, authorised_by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        """`authorised_by` vouches for a restricted join; their server signs it too."""
        content = {} if authorised_by is None else {"join_authorised_via_users_server": authorised_by}
        return self.member(user, "join", by=user, content=content, after=after, **more)

    def profile(self, user: UserId, displayname: str, *, after: Place = None, **more: Any) -> Event:
        """Somebody who has joined changes their name."""
        return self.member(user, "join", by=user, content={"displayname": displayname}, after=after, **more)

    def invite(self, user: UserId, *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        return self.member(user, "invite", by=by, after=after, **more)

    def knock(self, user: UserId, *, after: Place = None, **more: Any) -> Event:
        return self.member(user, "knock", by=user, after=after, **more)

    def leave(self, user: UserId, *, after: Place = None, **more: Any) -> Event:
        return self.member(user, "leave", by=user, after=after, **more)

    def kick(self, user: UserId, *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        """A kick, or an unban, or an invite taken back."""
        return self.member(user, "leave", by=by, after=after, **more)

    def ban(self, user: UserId, *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        return self.member(user, "ban", by=by, after=after, **more)

    def member(
        self,
        user: UserId,
        membership: str,
        *,
        by: UserId | None = None,
        content: Mapping[str, Any] | None = None,
        after: Place = None,
        **more: Any,
    ) -> Event:
        """Any membership of a user."""
        content = {"membership": membership, **(content or {})}
        return self.send("m.room.member", content, by=by, state_key=user, after=after, **more)

    def power(
        self,
        users: Mapping[UserId, int],
        *,
        by: UserId | None = None,
        levels: Mapping[str, Any] | None = None,
        after: Place = None,
        **more: Any,
    ) -> Event:
        """Change the power levels of users, and other `levels` by their names in the content; the rest stays."""
        current = self.state_before(after).get(("m.room.power_levels", ""))
        content = {} if current is None else self.events[current].content
        content = {**content, **(levels or {}), "users": {**content.get("users", {}), **users}}
        return self.send("m.room.power_levels", content, by=by, state_key="", after=after, **more)

    def join_rules(self, join_rule: str, *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        return self.send("m.room.join_rules", {"join_rule": join_rule}, by=by, state_key="", after=after, **more)

    def topic(self, topic: str, *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        return self.send("m.room.topic", {"topic": topic}, by=by, state_key="", after=after, **more)

    def message(self, body: str = "Hello", *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        return self.send("m.room.message", {"msgtype": "m.text", "body": body}, by=by, after=after, **more)

    def redact(self, event: Event, *, by: UserId | None = None, after: Place = None, **more: Any) -> Event:
        return self.send("m.room.redaction", {}, by=by, after=after, redacts=event.event_id, **more)

    # How it becomes an event.

    def send(
        self,
        event_type: str,
        content: Mapping[str, Any],
        *,
        by: UserId | None = None,
        state_key: str | None = None,
        after: Place = None,
        at: int | None = None,
        depth: int | None = None,
        auth_events: Sequence[Event] | None = None,
        redacts: EventId | None = None,
        event_id: EventId | None = None,
        may_be_rejected: bool = False,
    ) -> Event:
        """Any event. What is not said is as an honest server would have it.

        `at` is its `origin_server_ts`, by default a second after the event drawn before it. `event_id` is for room
        versions 1 and 2. With `may_be_rejected` the event is in the room, and in `rejected`, if the rules refuse it.

        Raises:
            Rejected: if they do, and it may not be.
        """
        draft = EventDraft(
            room_id=self._room_id_for(event_type),
            sender=by or self.creator,
            type=event_type,
            content=content,
            state_key=state_key,
            redacts=redacts,
        )
        previous = self.place(after)
        if auth_events is None:
            auth_events = self._select_auth_events(draft, self.state_before(previous))
        event = build_event(
            draft,
            self.room_version,
            depth=max((event.depth for event in previous), default=0) + 1 if depth is None else depth,
            prev_events=[event.event_id for event in previous],
            auth_events=[event.event_id for event in auth_events],
            origin_server_ts=BEGINNING + INTERVAL * len(self.events) if at is None else at,
            signing_keys=[self._key(server_name_of(draft.sender))],
            legacy_names=self._legacy_names(draft.sender, event_id, [*previous, *auth_events]),
        )
        event = self._countersigned(event)
        self.add(event, may_be_rejected=may_be_rejected)
        return event

    def _room_id_for(self, event_type: str) -> RoomId | None:
        if event_type != "m.room.create":
            return self.room_id
        if self.room_version.room_id_is_create_event_id:
            return None
        return RoomId(f"!{self._name}:{server_name_of(self.creator)}")

    def _select_auth_events(self, draft: EventDraft, state: StateMap) -> list[Event]:
        keys = auth_event_keys(draft, self.room_version)
        return [self.events[state[key]] for key in keys if key in state]

    def _key(self, server_name: ServerName) -> SigningKey:
        return self._keys.get(server_name) or signing_key_of(server_name)

    def _legacy_names(self, sender: UserId, event_id: EventId | None, named: Collection[Event]) -> LegacyNames | None:
        if self.room_version.event_format is not EventFormat.ID_IN_EVENT:
            return None
        if event_id is None:
            event_id = EventId(f"${self._name}-{len(self.events)}:{server_name_of(sender)}")
        return LegacyNames(event_id, {event.event_id: reference_hash(event.pdu, event.room_version) for event in named})

    def _countersigned(self, event: Event) -> Event:
        authoriser = event.content.get("join_authorised_via_users_server")
        if not isinstance(authoriser, str):
            return event
        server_name = server_name_of(authoriser)
        pdu = sign_event(event.pdu, event.room_version, server_name, self._key(server_name))
        return event_from_trusted_json(pdu, event.room_version, event.event_id)
