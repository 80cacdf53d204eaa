from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.client_event import stripped_state
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.room_version import V12
from hs_core.matrix.stripped_state import MAX_STRIPPED_STATE_EVENTS, prune_stripped_state, stripped_state_ids
from tests.matrix.examples import ALICE, example_event

NAME = {"type": "m.room.name", "state_key": "", "sender": ALICE, "content": {"name": "Cake"}}


def test_the_create_event_comes_first_and_members_stay_private() -> None:
    state = {
        ("m.room.member", ALICE): EventId("$member"),
        ("m.room.name", ""): EventId("$name"),
        ("m.room.name", "x"): EventId("$decoy"),
        ("m.room.encryption", ""): EventId("$encryption"),
        ("m.room.create", ""): EventId("$create"),
    }

    assert stripped_state_ids(state) == ["$create", "$name", "$encryption"]


def test_whole_events_of_other_servers_are_pruned() -> None:
    event = example_event(V12, "m.room.topic", {"topic": "x"}, state_key="")

    assert prune_stripped_state([event.pdu]) == [stripped_state(event)]


def test_what_is_no_state_event_is_left_out_and_the_first_of_a_kind_is_kept() -> None:
    malformed: list[object] = [None, {}, NAME | {"sender": "alice"}, NAME | {"content": []}, NAME | {"state_key": None}]

    assert prune_stripped_state([*malformed, NAME, NAME | {"content": {}}]) == [NAME]
    assert prune_stripped_state("no list") == []


def test_an_endless_invitation_is_cut() -> None:
    events = [NAME | {"state_key": str(n)} for n in range(1000)]

    assert len(prune_stripped_state(events)) == MAX_STRIPPED_STATE_EVENTS


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.just(ALICE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(NAME)), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
@settings(max_examples=80, deadline=None)
def test_whatever_another_server_sends_is_pruned(events: Any) -> None:
    assert all(set(event) == set(NAME) for event in prune_stripped_state(events))
