from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.aggregations import Aggregations, aggregate
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.matrix.relations import (
    Relation,
    check_relation,
    in_reply_to,
    is_valid_replacement,
    relation_of,
    thread_of,
)
from hs_core.matrix.room_version import V12
from tests.matrix.examples import ALICE, BOB, NOW, example_event

CAROL = UserId("@carol:example.org")


def message(body: str = "Hello", sender: UserId = ALICE, **content: Any) -> Event:
    return example_event(V12, content={"body": body, "msgtype": "m.text", **content}, sender=sender)


def relates(rel_type: str, parent: Event, **more: Any) -> dict[str, Any]:
    return {"m.relates_to": {"rel_type": rel_type, "event_id": parent.event_id, **more}}


def edit(original: Event, body: str = "Hi", sender: UserId = ALICE, at: int = NOW, **changes: Any) -> Event:
    new = message(f"* {body}", sender, **{"m.new_content": {"body": body}, **relates("m.replace", original)})
    return msgspec.structs.replace(new, origin_server_ts=at, **changes)


def threaded(root: Event, body: str, sender: UserId = ALICE) -> Event:
    return message(body, sender, **relates("m.thread", root))


ROOT = message()


def test_a_relation_is_read_with_its_parts() -> None:
    thread = {**relates("m.thread", ROOT, is_falling_back=True)["m.relates_to"], "m.in_reply_to": {"event_id": "$a:b"}}
    content = {"m.relates_to": thread}

    assert relation_of(content) == Relation("m.thread", ROOT.event_id, is_falling_back=True)
    assert in_reply_to(content) == "$a:b"
    assert relation_of(relates("m.annotation", ROOT, key="👍")) == Relation("m.annotation", ROOT.event_id, key="👍")


def test_a_reply_alone_is_no_relation() -> None:
    content = {"m.relates_to": {"m.in_reply_to": {"event_id": ROOT.event_id}}}

    assert relation_of(content) is None
    assert in_reply_to(content) == ROOT.event_id


@pytest.mark.parametrize(
    "relates_to",
    [
        None,
        [],
        {},
        {"rel_type": "m.thread"},
        {"rel_type": 1, "event_id": "$a:b"},
        {"rel_type": "", "event_id": "$a:b"},
        {"rel_type": "x" * 256, "event_id": "$a:b"},
        {"rel_type": "m.thread", "event_id": "!a:b"},
        {"rel_type": "m.thread", "event_id": ["$a:b"]},
    ],
)
def test_a_malformed_relation_is_ignored(relates_to: object) -> None:
    assert relation_of({"m.relates_to": relates_to}) is None
    assert in_reply_to({"m.relates_to": {"m.in_reply_to": relates_to}}) in (None, "$a:b")


def test_an_edit_of_ones_own_message_is_valid() -> None:
    assert is_valid_replacement(edit(ROOT), ROOT)


def test_an_edit_must_be_by_the_same_user_in_the_same_room_and_of_the_same_type() -> None:
    assert not is_valid_replacement(edit(ROOT, sender=BOB), ROOT)
    assert not is_valid_replacement(edit(ROOT, room_id=RoomId("!other:example.org")), ROOT)
    assert not is_valid_replacement(edit(ROOT, type="m.sticker"), ROOT)
    assert not is_valid_replacement(edit(message("another")), ROOT)


def test_neither_state_nor_edits_can_be_edited() -> None:
    topic = example_event(V12, "m.room.topic", {"topic": "x"}, state_key="")

    assert not is_valid_replacement(edit(topic, type="m.room.topic"), topic)
    assert not is_valid_replacement(edit(topic, type="m.room.topic", state_key=""), topic)
    assert not is_valid_replacement(edit(edit(ROOT)), edit(ROOT))


def test_an_edit_needs_new_content_where_the_server_can_see_it() -> None:
    assert not is_valid_replacement(message(**relates("m.replace", ROOT)), ROOT)
    secret = example_event(V12, "m.room.encrypted", {"ciphertext": "x"})
    assert is_valid_replacement(example_event(V12, "m.room.encrypted", relates("m.replace", secret)), secret)


def test_a_reply_in_a_thread_can_be_edited() -> None:
    reply = threaded(ROOT, "in the thread")

    assert is_valid_replacement(edit(reply), reply)


def test_a_thread_cannot_start_in_a_thread() -> None:
    with pytest.raises(ProtocolError) as refusal:
        check_relation(relates("m.thread", threaded(ROOT, "x")), threaded(ROOT, "x"))
    assert refusal.value.errcode == "M_UNKNOWN"
    check_relation(relates("m.thread", ROOT), ROOT)
    check_relation(relates("m.thread", ROOT), None)


def test_a_reply_can_become_a_thread() -> None:
    content: dict[str, Any] = {"m.relates_to": {"m.in_reply_to": {"event_id": ROOT.event_id}}}
    reply = message("reply", ALICE, **content)

    check_relation(relates("m.thread", reply), reply)


def test_nobody_annotates_twice() -> None:
    reaction = relates("m.annotation", ROOT, key="👍")

    check_relation(reaction, ROOT)
    with pytest.raises(ProtocolError) as refusal:
        check_relation(reaction, ROOT, already_annotated=True)
    assert refusal.value.errcode == "M_DUPLICATE_ANNOTATION"


def test_a_reaction_to_an_edit_in_a_thread_belongs_to_the_thread() -> None:
    first = threaded(ROOT, "1")
    second = edit(first)
    third = message("r", **relates("m.reference", second))
    fourth = message("r", **relates("m.reference", third))
    known: dict[EventId, Event] = {event.event_id: event for event in (ROOT, first, second, third)}

    assert thread_of(first, known.get) == ROOT.event_id
    assert thread_of(third, known.get) == ROOT.event_id
    assert thread_of(fourth, known.get) is None
    assert thread_of(ROOT, known.get) is None
    assert thread_of(third, lambda event_id: None) is None


def test_the_most_recent_edit_counts() -> None:
    old, new, forged = edit(ROOT, "1", at=NOW), edit(ROOT, "2", at=NOW + 1), edit(ROOT, "3", sender=BOB, at=NOW + 2)
    twins = [edit(ROOT, body, at=NOW + 1) for body in ("x", "y", "z")]

    assert aggregate(ROOT, [new, old, forged], BOB).replacement == new
    assert aggregate(ROOT, twins, BOB).replacement == max(twins, key=lambda event: event.event_id)
    assert aggregate(ROOT, [new], BOB, parent_is_redacted=True) == Aggregations()


def test_a_thread_is_summarised_for_its_reader() -> None:
    replies = [threaded(ROOT, "1", BOB), threaded(ROOT, "2", ALICE), threaded(ROOT, "3", BOB)]

    summary = aggregate(ROOT, [*replies, threaded(message("other"), "4")], BOB).thread
    assert summary is not None
    assert (summary.latest_event, summary.count, summary.current_user_participated) == (replies[-1], 3, True)

    without_bob = aggregate(ROOT, replies, CAROL, ignored={BOB}).thread
    assert without_bob is not None
    assert (without_bob.latest_event, without_bob.count) == (replies[1], 1)
    assert not without_bob.current_user_participated
    by_alice = aggregate(ROOT, replies[:1], ALICE).thread
    assert by_alice is not None
    assert by_alice.current_user_participated


def test_the_bundle_has_the_form_of_the_specification() -> None:
    reference = message("r", **relates("m.reference", ROOT))
    reaction = example_event(V12, "m.reaction", relates("m.annotation", ROOT, key="👍"))
    reply, replacement = threaded(ROOT, "t"), edit(ROOT)

    bundle = aggregate(ROOT, [reference, reaction, reply, replacement], BOB)
    assert bundle.to_json(lambda event: event.event_id) == {
        "m.reference": {"chunk": [{"event_id": reference.event_id}]},
        "m.replace": replacement.event_id,
        "m.thread": {"latest_event": reply.event_id, "count": 1, "current_user_participated": False},
    }
    assert aggregate(ROOT, [reaction], BOB).to_json(lambda event: event) is None


def test_state_and_children_from_other_rooms_are_not_aggregated() -> None:
    state = example_event(V12, "m.room.topic", {"topic": "x"}, state_key="")
    stray = msgspec.structs.replace(threaded(ROOT, "1"), room_id=RoomId("!other:example.org"))

    assert aggregate(state, [threaded(state, "1")], ALICE) == Aggregations()
    assert aggregate(ROOT, [stray], ALICE) == Aggregations()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["\ud800", "m.thread", "$a:b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rel_type", "event_id", "key", "m.in_reply_to"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_any_content_can_be_asked_for_its_relation(relates_to: object) -> None:
    content = {"m.relates_to": relates_to}

    relation, reply = relation_of(content), in_reply_to(content)
    assert relation is None or (relation.event_id.startswith("$") and relation.rel_type)
    assert reply is None or reply.startswith("$")
    check_relation(content, None)
