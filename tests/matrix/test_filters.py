from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.filters import (
    DEFAULT_FILTER,
    MAX_ENTRIES,
    MAX_TYPES,
    EventFormat,
    parse_filter,
    parse_room_event_filter,
)
from hs_core.matrix.identifiers import RoomId
from hs_core.matrix.property_paths import select
from tests.matrix.examples import ALICE, BOB

ROOM, OTHER = RoomId("!726s6s6q:example.com"), RoomId("!other:example.org")


def types_passing(definition: dict[str, Any], *types: str) -> list[str]:
    parsed = parse_room_event_filter(definition)
    return [event_type for event_type in types if parsed.allows(event_type, ALICE)]


def test_without_a_filter_everything_passes() -> None:
    assert DEFAULT_FILTER.room.timeline.allows_event("m.room.message", ALICE, {"url": "mxc://a/b"})
    assert DEFAULT_FILTER.room.allows_room(ROOM)
    assert DEFAULT_FILTER.account_data.allows("m.direct", None)
    assert DEFAULT_FILTER.event_fields is None
    assert DEFAULT_FILTER.event_format is EventFormat.CLIENT
    assert not DEFAULT_FILTER.room.include_leave
    assert not DEFAULT_FILTER.room.state.lazy_load_members
    assert not DEFAULT_FILTER.room.timeline.blocks_everything


def test_types_are_chosen_with_stars_and_exclusion_wins() -> None:
    types = ("m.room.message", "m.room.name", "m.reaction", "m.room?name")

    assert types_passing({"types": ["m.room.*"]}, *types) == ["m.room.message", "m.room.name"]
    assert types_passing({"types": ["m.room?name"]}, *types) == ["m.room?name"]
    assert types_passing({"not_types": ["*name"]}, *types) == ["m.room.message", "m.reaction"]
    assert types_passing({"types": ["m.room.*"], "not_types": ["m.room.name"]}, *types) == ["m.room.message"]
    assert types_passing({"types": []}, *types) == []


def test_senders_are_chosen_and_exclusion_wins() -> None:
    only_alice = parse_room_event_filter({"senders": [ALICE, BOB], "not_senders": [BOB]})

    assert [user for user in (ALICE, BOB, None) if only_alice.allows("m.typing", user)] == [ALICE]
    assert parse_room_event_filter({"not_senders": [BOB]}).allows("m.typing", None)


def test_a_filter_that_lets_nothing_through_says_so() -> None:
    assert parse_room_event_filter({"types": []}).blocks_everything
    assert parse_room_event_filter({"senders": []}).blocks_everything
    assert parse_room_event_filter({"not_types": ["x", "*"]}).blocks_everything
    assert not parse_room_event_filter({"types": ["*"], "not_types": ["m.*"], "not_senders": [BOB]}).blocks_everything


def test_rooms_are_chosen_before_their_events() -> None:
    parsed = parse_filter({"room": {"rooms": [ROOM, OTHER], "not_rooms": [OTHER], "state": {"not_rooms": [ROOM]}}})

    assert [room for room in (ROOM, OTHER) if parsed.room.allows_room(room)] == [ROOM]
    assert not parsed.room.state.allows_room(ROOM)
    assert parsed.room.timeline.allows_room(ROOM)


@pytest.mark.parametrize(("contains_url", "passing"), [(True, [True]), (False, [False]), (None, [True, False])])
def test_events_are_chosen_by_whether_they_have_a_url(contains_url: bool | None, passing: list[bool]) -> None:
    parsed = parse_room_event_filter({"contains_url": contains_url})
    contents: dict[bool, dict[str, Any]] = {True: {"url": None}, False: {"body": "url"}}

    assert [has for has, content in contents.items() if parsed.allows_event("m", ALICE, content)] == passing


def test_the_number_of_events_has_a_default_and_a_maximum() -> None:
    assert parse_room_event_filter({}).page_size(10, 100) == 10
    assert parse_room_event_filter({"limit": 30}).page_size(10, 100) == 30
    assert parse_room_event_filter({"limit": 10**15}).page_size(10, 100) == 100
    assert parse_room_event_filter({"limit": 0}).page_size(10, 100) == 0


def test_the_options_for_members_and_threads_are_read() -> None:
    options = {"lazy_load_members": True, "include_redundant_members": True, "unread_thread_notifications": True}
    state = parse_filter({"room": {"state": options, "include_leave": True}}).room

    assert state.include_leave
    assert state.state.lazy_load_members
    assert state.state.include_redundant_members
    assert state.state.unread_thread_notifications


def test_a_client_may_want_other_formats_and_few_fields() -> None:
    parsed = parse_filter({"event_format": "federation", "event_fields": ["type", r"content.m\.relates_to.rel_type"]})
    event = {"type": "m", "sender": ALICE, "content": {"m.relates_to": {"rel_type": "x", "key": 1}, "body": "b"}}

    assert parsed.event_format is EventFormat.FEDERATION
    assert parsed.event_fields is not None
    assert select(event, parsed.event_fields) == {"type": "m", "content": {"m.relates_to": {"rel_type": "x"}}}


@pytest.mark.parametrize(
    ("definition", "errcode"),
    [
        ([], "M_BAD_JSON"),
        ("{}", "M_BAD_JSON"),
        ({"event_format": "xml"}, "M_BAD_JSON"),
        ({"event_fields": "content"}, "M_BAD_JSON"),
        ({"room": []}, "M_BAD_JSON"),
        ({"room": {"timeline": {"limit": "10"}}}, "M_BAD_JSON"),
        ({"room": {"timeline": {"limit": True}}}, "M_BAD_JSON"),
        ({"room": {"timeline": {"limit": 1.5}}}, "M_BAD_JSON"),
        ({"room": {"timeline": {"limit": -1}}}, "M_INVALID_PARAM"),
        ({"room": {"timeline": {"types": [1]}}}, "M_BAD_JSON"),
        ({"room": {"timeline": {"types": ["x"] * (MAX_TYPES + 1)}}}, "M_TOO_LARGE"),
        ({"room": {"timeline": {"types": ["x" * 256]}}}, "M_TOO_LARGE"),
        ({"room": {"timeline": {"senders": ["alice"]}}}, "M_INVALID_PARAM"),
        ({"room": {"rooms": ["#room:example.org"]}}, "M_INVALID_PARAM"),
        ({"room": {"not_rooms": [ROOM] * (MAX_ENTRIES + 1)}}, "M_TOO_LARGE"),
        ({"presence": {"not_senders": [None]}}, "M_BAD_JSON"),
        ({"event_fields": ["a." * 600]}, "M_TOO_LARGE"),
    ],
)
def test_a_malformed_filter_is_refused(definition: object, errcode: str) -> None:
    with pytest.raises(ProtocolError) as refusal:
        parse_filter(definition)
    assert refusal.value.errcode == errcode


def test_properties_that_nobody_specified_are_ignored() -> None:
    assert parse_filter({"org.example": 1, "room": {"timeline": {"org.example": []}}}) == DEFAULT_FILTER


KEYS = st.sampled_from(
    ["room", "timeline", "types", "not_types", "senders", "rooms", "limit", "event_fields", "event_format", "presence"]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["*", "a*b", ALICE, ROOM, "\ud800", "a.b\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_whatever_a_client_sends_is_a_filter_or_refused(definition: object) -> None:
    try:
        parsed = parse_filter(definition)
    except ProtocolError:
        return
    assert parsed.room.timeline.allows_event("m.room.message", ALICE, {}) in (True, False)
