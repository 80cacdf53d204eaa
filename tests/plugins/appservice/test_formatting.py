"""The JSON of transactions, and what is taken from the JSON of services: pure, for anything."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.appservice.formatting import as_body, as_event
from hs_plugins.appservice.moments import receipt_events
from hs_plugins.appservice.thirdparty import Kind, found_in, is_protocol, with_instance_id
from hs_plugins.receipts.api import ReceiptRow
from hs_plugins.rooms.api import EventRow

KEYS = ("userid", "alias", "protocol", "fields", "instances", "icon", "network_id", "user_fields", "other")
SIMPLE = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(KEYS), values, max_size=5)


JSON = st.recursive(SIMPLE, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=8)
OBJECTS = objects(JSON)
RECEIPTS = st.builds(
    ReceiptRow,
    room_id=st.sampled_from([RoomId("!a"), RoomId("!b")]),
    user_id=st.sampled_from([UserId("@a"), UserId("@b")]),
    type=st.sampled_from(["m.read", "m.read.private"]),
    thread_id=st.sampled_from([None, "main", "$1"]),
    event_id=st.sampled_from([EventId("$1"), EventId("$2")]),
    event_position=st.just(1),
    ts=st.integers(0, 9),
)


def row_of(client_json: bytes, prev_content: bytes | None) -> EventRow:
    """The row of an event."""
    return EventRow(
        room_id=RoomId('!a"b:hs.test'),
        event_id=EventId("$1"),
        type="m.x",
        state_key=None,
        sender=UserId("@a:hs.test"),
        origin_server_ts=5,
        depth=1,
        client_json=client_json,
        state_before=b"",
        state_after=b"",
        room_state=b"",
        membership=None,
        replaces=None if prev_content is None else EventId("$0"),
        prev_content=prev_content,
        redacts=None,
        relates_to=None,
        device_id=None,
        txn_id=None,
    )


@given(content=OBJECTS, previous=st.none() | OBJECTS, age=st.integers(-9, 9))
def test_an_event_is_what_clients_see_and_where_it_was(
    content: dict[str, Any], previous: dict[str, Any] | None, age: int
) -> None:
    seen = {"type": "m.x", "sender": "@a:hs.test", "event_id": "$1", "content": content, "origin_server_ts": 5}
    row = row_of(orjson.dumps(seen), None if previous is None else orjson.dumps(previous))
    unsigned: dict[str, Any] = {"age": age}
    if previous is not None:
        unsigned |= {"replaces_state": "$0", "prev_content": previous}

    told = orjson.loads(as_body([as_event(row, 5 + age)] * 2, [b"1"]))

    event = {"room_id": '!a"b:hs.test', "unsigned": unsigned, **seen}
    assert told == {"events": [event, event], "ephemeral": [1]}
    assert orjson.loads(as_body([], [])) == {"events": []}


@given(answer=JSON | st.lists(OBJECTS, max_size=4))
def test_what_a_service_says_is_taken_if_it_has_the_form(answer: Any) -> None:
    kinds: tuple[Kind, ...] = ("user", "location")
    for kind in kinds:
        for found in found_in(answer, kind):
            assert isinstance(found["userid" if kind == "user" else "alias"], str)
            assert isinstance(found["fields"], dict)
    for each in [answer, *(answer if isinstance(answer, list) else [])]:
        if is_protocol(each):
            instances = [with_instance_id(instance, "irc") for instance in each["instances"]]
            assert all(one.get("instance_id", "irc|").startswith("irc|") for one in instances)


@given(st.lists(RECEIPTS))
def test_each_receipt_is_told_in_its_room_and_thread(rows: list[ReceiptRow]) -> None:
    newest = {(row.room_id, row.user_id, row.type, row.thread_id): row for row in rows}  # as the table has them

    events = receipt_events(newest.values())

    told = {
        (event["room_id"], user, kind, said.get("thread_id"), event_id, said["ts"])
        for event in events
        for event_id, kinds in event["content"].items()
        for kind, users in kinds.items()
        for user, said in users.items()
    }
    assert told == {(*key, row.event_id, row.ts) for key, row in newest.items()}
    assert len(events) == len({(row.room_id, row.thread_id) for row in rows})
