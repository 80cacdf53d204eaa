"""Most people never change their rules: what an event comes to for all of them together is what it does for each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.power_levels import PowerLevels
from hs_core.matrix.push_rules import (
    SOMEBODY,
    UNCHANGED_RULES,
    EventView,
    Recipient,
    RoomView,
    is_unremarkable,
    singled_out,
    unchanged_rules_for,
)
from hs_core.matrix.room_version import V12
from tests.matrix.examples import ALICE, BOB, example_event

CAROL = UserId("@carol:example.org")
MESSAGES = ["m.room.message", "m.room.encrypted", "m.call.invite", "m.reaction", "m.room.topic", "org.example.event"]
STATE = ["m.room.member", "m.room.tombstone", "m.room.server_acl"]
USERS = st.sampled_from([BOB, CAROL, "", "@", "\0", 1, None])

contents: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "body": st.sampled_from(["hello", "bob", BOB]),
        "msgtype": st.sampled_from(["m.text", "m.notice", "M.NOTICE", "", None, 7, []]),
        "membership": st.sampled_from(["invite", "join"]),
        "m.mentions": st.fixed_dictionaries(
            {}, optional={"user_ids": st.lists(USERS, max_size=3) | USERS, "room": st.sampled_from([True, False, 1])}
        ),
        "m.relates_to": st.fixed_dictionaries({"rel_type": st.sampled_from(["m.replace", "m.thread", 3])}),
    },
)
events = st.one_of(
    st.builds(lambda kind, content: (kind, None, content), st.sampled_from(MESSAGES), contents),
    st.builds(
        lambda kind, key, content: (kind, key, content),
        st.sampled_from(STATE),
        st.sampled_from(["", "@", BOB, CAROL]),
        contents,
    ),
)


def room_of(members: int, alice: int) -> RoomView:
    return RoomView(members, PowerLevels.from_content({"users": {ALICE: alice}}, V12, frozenset()))


def event_of(kind: str, state_key: str | None, content: dict[str, Any]) -> Event:
    more: dict[str, Any] = {} if state_key is None else {"state_key": state_key}
    return example_event(V12, type=kind, content=content, sender=ALICE, **more)


@given(events, st.sampled_from([2, 3]), st.sampled_from([0, 100]))
def test_who_is_not_singled_out_is_like_everybody_else(
    event: tuple[str, str | None, dict[str, Any]], members: int, alice: int
) -> None:
    view, room = EventView(event_of(*event)), room_of(members, alice)
    everybody = UNCHANGED_RULES.evaluate(view, room, SOMEBODY)
    for user in (BOB, CAROL):
        if user not in singled_out(view):
            assert UNCHANGED_RULES.evaluate(view, room, Recipient(user, "bob")) == everybody


@given(st.sampled_from(MESSAGES), contents, st.sampled_from([1, 2, 3]), st.sampled_from([0, 100]))
def test_type_and_msgtype_say_all_about_an_unremarkable_message(
    kind: str, content: dict[str, Any], members: int, alice: int
) -> None:
    msgtype = content.get("msgtype")
    if is_unremarkable(content) and (msgtype is None or isinstance(msgtype, str)):
        view, room = EventView(event_of(kind, None, content)), room_of(members, alice)
        assert not singled_out(view)
        expected = UNCHANGED_RULES.evaluate(view, room, Recipient(BOB, "bob"))
        assert unchanged_rules_for(kind, msgtype, members == 2) == expected


@pytest.mark.parametrize("user", ["", "@", "\0", str(SOMEBODY.user_id)])
def test_nobody_can_mention_everybody_by_an_odd_name(user: str) -> None:
    view = EventView(event_of("m.room.message", None, {"body": "hi", "m.mentions": {"user_ids": [user]}}))
    assert not UNCHANGED_RULES.evaluate(view, room_of(3, 0), SOMEBODY).highlight


def test_an_event_looks_the_same_in_the_format_for_clients() -> None:
    event = event_of("m.room.member", BOB, {"membership": "invite"})
    shown = {
        "type": event.type,
        "sender": event.sender,
        "state_key": event.state_key,
        "content": event.content,
        "event_id": event.event_id,
        "origin_server_ts": event.origin_server_ts,
    }
    for path in (("type",), ("room_id",), ("state_key",), ("content", "membership"), ("sender",), ("event_id",)):
        assert EventView.of_client_event(shown, RoomId(event.room_id)).value(path) == EventView(event).value(path)
