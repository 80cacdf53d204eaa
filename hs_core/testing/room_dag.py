"""Drawing the history of a room: real events, hashed and signed by the servers of their senders.

```python
room = RoomDag(V11, creator=ALICE)
start = room.power({BOB: 50}, by=ALICE, after=room.join(BOB))
banned = room.ban(BOB, by=ALICE, after=start)
renamed = room.topic("Bob was here", by=BOB, after=start)
assert room.resolve(banned, renamed) == room.state_after(banned)
```
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeAlias

from hs_core.matrix.auth import AuthState, auth_event_keys, authorise, check_auth_events
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.event_building import EventDraft, LegacyNames, build_event
from hs_core.matrix.event_signing import sign_event
from hs_core.matrix.hashing import create_event_id, reference_hash
from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId, server_name_of
from hs_core.matrix.pdu import event_from_trusted_json
from hs_core.matrix.room_version import EventFormat, RoomVersion
from hs_core.matrix.signing import SigningKey
from hs_core.matrix.state_res import resolve_with

Place: TypeAlias = Event | Sequence[Event] | None
"""After which events a new one comes; `None`: after all that nothing comes after yet."""

BEGINNING: Final = 1_700_000_000_000
"""The `origin_server_ts` of every room's create event."""

INTERVAL: Final = 1000
"""Milliseconds between one event and the next."""

_REMEMBERED_STATES: Final = 64


def signing_key_of(server_name: str) -> SigningKey:
    """The key with which a server signs in these rooms: always the same."""
    return SigningKey("dag", sha256(server_name.encode()).digest())


class RoomDag:
    """A room as one server sees it that has every event. Events come in the order in which they are drawn.

    The room begins as a public room does: create event, the creator's join, power levels (the creator has 100, where
    creators need a level), join rules; with `bare` only the first two. `keys` are keys of servers that have others than
    `signing_key_of` them, such as a server under test.
    """

    def __init__(
        self,
        room_version: RoomVersion,
        creator: UserId,
        *,
        bare: bool = False,
        create_content: Mapping[str, Any] | None = None,
        keys: Mapping[ServerName, SigningKey] | None = None,
    ) -> None:
        self.room_version = room_version
        self.creator = creator
        self.events: dict[EventId, Event] = {}
        """All events, rejected ones included, in the order in which they were drawn."""
        self.rejected: set[EventId] = set()
        self._tips: dict[EventId, Event] = {}
        self._keys = keys or {}
        self._states: OrderedDict[EventId, dict[StateKey, EventId]] = OrderedDict()
        content: dict[str, Any] = {"room_version": room_version.identifier, **(create_content or {})}
        if not room_version.creator_is_sender:
            content.setdefault("creator", creator)
        self._room_id: RoomId | None = None
        if not room_version.room_id_is_create_event_id:
            self._room_id = RoomId(f"!room:{server_name_of(creator)}")
        self.create_event = self.send("m.room.create", content, state_key="", after=[])
        self._room_id = self.create_event.room_id
        self.join(creator)
        if not bare:
            self.power({} if room_version.creators_have_infinite_power else {creator: 100})
            self.join_rules("public")

    @property
    def room_id(self) -> RoomId:
        return self.create_event.room_id

    @property
    def tips(self) -> list[Event]:
        """The accepted events that nothing comes after: the forward extremities."""
        return list(self._tips.values())

    # What people do. `by` is the creator if not said otherwise.

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
        after: Place = None,
        at: int | None = None,
        **levels: Any,
    ) -> Event:
        """Change power levels: those of `users`, and others (`ban=60`, `events={...}`) by name; the rest stay."""
        current = self.state_before(after).get(("m.room.power_levels", ""))
        content = {} if current is None else self.events[current].content
        users = {**content.get("users", {}), **users}
        return self.send(
            "m.room.power_levels", {**content, **levels, "users": users}, by=by, state_key="", after=after, at=at
        )

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
            room_id=self._room_id,
            sender=by or self.creator,
            type=event_type,
            content=content,
            state_key=state_key,
            redacts=redacts,
        )
        previous = self._place(after)
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

    def add(self, event: Event, *, may_be_rejected: bool = False) -> None:
        """Take an event of another server into the room, after all that comes before it.

        Raises:
            Rejected: if the rules refuse it and it may not be.
        """
        state = self.state_before([self.events[event_id] for event_id in event.prev_events])
        try:
            self._check(event, state)
        except ProtocolError:
            if not may_be_rejected:
                raise
            self.rejected.add(event.event_id)
        self.events[event.event_id] = event
        if event.event_id not in self.rejected:
            for previous in event.prev_events:
                self._tips.pop(previous, None)
            self._tips[event.event_id] = event
        self._remember(event, state)

    # What follows from it.

    def state_after(self, event: Event) -> StateMap:
        """The room state after an event. A rejected event changes nothing."""
        state = self._states.get(event.event_id)
        return self._rebuild(event) if state is None else state

    def state_before(self, after: Place) -> StateMap:
        """The room state before an event that comes after these."""
        previous = self._place(after)
        return self.state_after(previous[0]) if len(previous) == 1 else self.resolve(*previous)

    def resolve(self, *tips: Event) -> StateMap:
        """The resolution of the states after some events."""
        return self.resolve_states(*map(self.state_after, tips))

    def resolve_states(self, *states: StateMap) -> StateMap:
        """The resolution of any states of this room."""
        return resolve_with(self.room_version, states, lambda _: self.events, self.rejected)

    def auth_chain(self, events: Collection[Event]) -> set[EventId]:
        """The union of the auth chains of some events."""
        chain: set[EventId] = set()
        pending = list(events)
        while pending:
            for event_id in pending.pop().auth_events:
                if event_id not in chain:
                    chain.add(event_id)
                    pending.append(self.events[event_id])
        return chain

    def _place(self, after: Place) -> list[Event]:
        if after is None:
            return self.tips
        return [after] if isinstance(after, Event) else list(after)

    def _select_auth_events(self, draft: EventDraft, state: StateMap) -> list[Event]:
        keys = auth_event_keys(draft, self.room_version)
        return [self.events[state[key]] for key in keys if key in state]

    def _key(self, server_name: ServerName) -> SigningKey:
        return self._keys.get(server_name) or signing_key_of(server_name)

    def _legacy_names(self, sender: UserId, event_id: EventId | None, named: Collection[Event]) -> LegacyNames | None:
        if self.room_version.event_format is not EventFormat.ID_IN_EVENT:
            return None
        if event_id is None:
            event_id = EventId(f"${len(self.events)}:{server_name_of(sender)}")
        return LegacyNames(event_id, {event.event_id: reference_hash(event.pdu, event.room_version) for event in named})

    def _countersigned(self, event: Event) -> Event:
        authoriser = event.content.get("join_authorised_via_users_server")
        if not isinstance(authoriser, str):
            return event
        server_name = server_name_of(authoriser)
        pdu = sign_event(event.pdu, event.room_version, server_name, self._key(server_name))
        return event_from_trusted_json(pdu, event.room_version, event.event_id)

    def _check(self, event: Event, state: StateMap) -> None:
        create = None
        if self.room_version.room_id_is_create_event_id and event.type != "m.room.create":
            create = self.events.get(create_event_id(event.room_id))
        auth_events = [self.events[event_id] for event_id in event.auth_events]
        check_auth_events(event, auth_events, self.rejected, create)
        authorise(event, AuthState.from_events(auth_events if create is None else [*auth_events, create]))
        authorise(event, AuthState(lambda key: self.events[state[key]] if key in state else None))

    def _remember(self, event: Event, before: StateMap) -> None:
        state = dict(before)
        if event.is_state and event.event_id not in self.rejected:
            state[event.key] = event.event_id
        self._states[event.event_id] = state
        if len(self._states) > _REMEMBERED_STATES:
            self._states.popitem(last=False)

    def _rebuild(self, event: Event) -> StateMap:
        """Work out a forgotten state from the last one before it that was not, or from a merge of branches."""
        line = [event]
        while len(line[-1].prev_events) == 1 and line[-1].prev_events[0] not in self._states:
            line.append(self.events[line[-1].prev_events[0]])
        state = dict(self.state_before([self.events[event_id] for event_id in line[-1].prev_events]))
        for later in reversed(line):
            if later.is_state and later.event_id not in self.rejected:
                state[later.key] = later.event_id
        self._remember(event, state)
        return state
