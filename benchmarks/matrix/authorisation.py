"""The authorisation rules, against a state that is in memory."""

from collections.abc import Callable
from typing import Any

from benchmarks.harness import Measurement
from hs_core.matrix.auth import AuthState, auth_event_keys, authorise, check_auth_events
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.pdu import event_from_trusted_json
from hs_core.matrix.room_version import V12

ALICE = "@alice:example.org"
MEMBERS = [ALICE, *(f"@member{n}:example.org" for n in range(1000))]
CREATE_ID = EventId("$" + "c" * 43)


def event(event_type: str, sender: str, content: dict[str, Any], state_key: str | None = None) -> Event:
    """An event of a room of version 12."""
    is_create = event_type == "m.room.create"
    pdu = {
        "type": event_type,
        "sender": sender,
        "content": content,
        "origin_server_ts": 0,
        "depth": 1,
        "prev_events": [] if is_create else ["$" + "p" * 43],
        "auth_events": [],
        **({} if is_create else {"room_id": "!" + CREATE_ID[1:]}),
        **({} if state_key is None else {"state_key": state_key}),
    }
    event_id = CREATE_ID if is_create else EventId(f"${hash((event_type, state_key)) % 10**43:043}")
    return event_from_trusted_json(pdu, V12, event_id)


def room_state() -> list[Event]:
    """A public room of a thousand members, a hundred of which have a power of their own."""
    levels = {"users": dict.fromkeys(MEMBERS[1:101], 10), "events": {"m.room.name": 50}, "state_default": 50}
    return [
        event("m.room.create", ALICE, {"room_version": "12"}, ""),
        event("m.room.power_levels", ALICE, levels, ""),
        event("m.room.join_rules", ALICE, {"join_rule": "public"}, ""),
        *(event("m.room.member", user, {"membership": "join"}, user) for user in MEMBERS),
    ]


def measurements() -> list[Measurement]:
    events = room_state()
    state = AuthState.from_events(events)
    by_key = {event.key: event for event in events}
    message = event("m.room.message", MEMBERS[500], {"body": "Hello"})
    join = event("m.room.member", "@new:example.org", {"membership": "join"}, "@new:example.org")
    levels = by_key["m.room.power_levels", ""].content
    new_levels = event("m.room.power_levels", ALICE, {**levels, "ban": 60}, "")
    auth_events = [by_key[key] for key in auth_event_keys(message, V12)]

    def authorises(candidate: Event) -> Callable[[], None]:
        return lambda: authorise(candidate, state)

    return [
        Measurement("authorise a message against a parsed state", authorises(message), 40),
        Measurement("authorise a join against a parsed state", authorises(join), 40),
        Measurement("authorise a change of 100 users' power levels", authorises(new_levels)),
        Measurement("the same message, parsing the state", lambda: authorise(message, AuthState(by_key.get))),
        Measurement("select the auth events of a message", lambda: auth_event_keys(message, V12)),
        Measurement(
            "check the auth events of a message", lambda: check_auth_events(message, auth_events, (), events[0])
        ),
    ]
