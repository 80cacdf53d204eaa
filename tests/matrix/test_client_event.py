import pytest

from hs_core.matrix.client_event import Unsigned, client_event, federation_event, stripped_state
from hs_core.matrix.event_building import EventDraft, build_event
from hs_core.matrix.pdu import redacted_event
from hs_core.matrix.room_version import ROOM_VERSIONS, V11, V12, RoomVersion
from tests.matrix.examples import ALICE, KEY, NOW, event_ids_in, example_event, room_id_in

EVERY_VERSION = pytest.mark.parametrize("version", ROOM_VERSIONS.values(), ids=list(ROOM_VERSIONS))


@EVERY_VERSION
def test_clients_see_what_concerns_them(version: RoomVersion) -> None:
    event = example_event(version, "m.room.topic", {"topic": "Hello"}, state_key="")
    shown = {
        "type": "m.room.topic",
        "sender": ALICE,
        "content": {"topic": "Hello"},
        "event_id": event.event_id,
        "origin_server_ts": NOW,
        "state_key": "",
    }
    assert client_event(event) == {**shown, "room_id": room_id_in(version)}
    assert client_event(event, with_room_id=False) == shown


def test_messages_have_no_state_key() -> None:
    assert "state_key" not in client_event(example_event(V12))


def test_everything_unsigned_is_told_under_its_name() -> None:
    target = event_ids_in(V11, 1)[0]
    unsigned = Unsigned(
        age=0,
        redacted_because={"type": "m.room.redaction"},
        transaction_id="m1",
        prev_content={},
        replaces_state=target,
        membership="join",
        relations={"m.annotation": {}},
    )
    assert client_event(example_event(V11), unsigned)["unsigned"] == {
        "age": 0,
        "redacted_because": {"type": "m.room.redaction"},
        "transaction_id": "m1",
        "prev_content": {},
        "replaces_state": target,
        "membership": "join",
        "m.relations": {"m.annotation": {}},
    }
    assert "unsigned" not in client_event(example_event(V11))


@EVERY_VERSION
def test_clients_old_and_new_find_what_a_redaction_redacts(version: RoomVersion) -> None:
    target = event_ids_in(version, 1)[0]
    event = example_event(version, "m.room.redaction", {"reason": "spam"}, redacts=target)
    shown = client_event(event)
    assert shown["redacts"] == target
    assert shown["content"] == {"reason": "spam", "redacts": target}


@EVERY_VERSION
def test_a_redaction_that_was_redacted_says_what_is_left(version: RoomVersion) -> None:
    target = event_ids_in(version, 1)[0]
    event = redacted_event(example_event(version, "m.room.redaction", {"reason": "spam"}, redacts=target))
    shown = client_event(event)
    if version.redacts_in_content:
        assert (shown["redacts"], shown["content"]) == (target, {"redacts": target})
    else:
        assert "redacts" not in shown
        assert shown["content"] == {}


def test_the_event_itself_is_not_changed_for_clients() -> None:
    event = example_event(ROOM_VERSIONS["10"], "m.room.redaction", {}, redacts=event_ids_in(V11, 1)[0])
    client_event(event)
    assert event.content == {}


def test_clients_see_the_room_of_a_create_event_that_names_its_room() -> None:
    create = EventDraft(room_id=None, sender=ALICE, type="m.room.create", state_key="", content={"room_version": "12"})
    event = build_event(create, V12, depth=1, prev_events=[], auth_events=[], origin_server_ts=NOW, signing_keys=[KEY])
    assert client_event(event)["room_id"] == "!" + event.event_id[1:]


@EVERY_VERSION
def test_stripped_state_has_four_properties(version: RoomVersion) -> None:
    event = example_event(version, "m.room.name", {"name": "Kitchen"}, state_key="")
    assert stripped_state(event) == {
        "type": "m.room.name",
        "state_key": "",
        "sender": ALICE,
        "content": {"name": "Kitchen"},
    }


@EVERY_VERSION
def test_the_federation_format_is_the_pdu(version: RoomVersion) -> None:
    event = example_event(version)
    assert federation_event(event) == event.pdu
    assert federation_event(event, Unsigned(age=3)) == {**event.pdu, "unsigned": {"age": 3}}
