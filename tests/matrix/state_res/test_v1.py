"""State resolution of room version 1: the deeper event wins, if the one before it lets it."""

from hashlib import sha1

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, UserId
from hs_core.matrix.room_version import V1
from hs_core.matrix.state_res import resolve_with
from hs_core.testing.room_dag import RoomDag
from tests.matrix.state_res.people import ALICE, BOB, CAROL

TOPIC = ("m.room.topic", "")
POWER_LEVELS = ("m.room.power_levels", "")


def room_with_a_moderator() -> tuple[RoomDag, Event]:
    room = RoomDag(V1, ALICE)
    room.join(BOB)
    room.join(CAROL)
    return room, room.power({BOB: 50})


def hash_of(event: Event) -> str:
    return sha1(event.event_id.encode()).hexdigest()


def test_the_deepest_topic_wins() -> None:
    room, start = room_with_a_moderator()
    deep = room.topic("deep", by=BOB, after=room.message(after=start))
    shallow = room.topic("shallow", after=start)

    assert room.resolve(deep, shallow)[TOPIC] == deep.event_id


def test_of_equally_deep_topics_that_with_the_lowest_hash_wins() -> None:
    room, start = room_with_a_moderator()
    topics = [
        room.topic(name, after=start, event_id=EventId(f"${name}:first.example")) for name in ("one", "two", "three")
    ]

    assert room.resolve(*topics)[TOPIC] == min(topics, key=hash_of).event_id


def test_of_equally_deep_power_levels_that_with_the_lowest_hash_is_added_last() -> None:
    room, start = room_with_a_moderator()
    levels = [room.power({CAROL: level}, after=start) for level in (10, 20, 30)]

    assert room.resolve(*levels)[POWER_LEVELS] == min(levels, key=hash_of).event_id


def test_power_levels_are_added_until_one_is_not_allowed() -> None:
    room, start = room_with_a_moderator()
    demoted = room.power({BOB: 0}, after=start)
    by_bob = room.power({CAROL: 50}, by=BOB, after=room.message(after=start))
    by_alice = room.power({CAROL: 25}, after=room.message(after=room.message(after=start)))

    assert room.resolve(by_bob, by_alice)[POWER_LEVELS] == by_alice.event_id
    assert room.resolve(demoted, by_bob, by_alice)[POWER_LEVELS] == demoted.event_id


def test_resolved_power_levels_decide_who_is_banned() -> None:
    room, start = room_with_a_moderator()
    demoted = room.power({BOB: 0}, after=room.profile(CAROL, "Carol", after=start))
    banned = room.ban(CAROL, by=BOB, after=room.power({BOB: 50}, levels={"state_default": 50}, after=start))

    state = room.resolve(demoted, banned)

    assert state[POWER_LEVELS] == demoted.event_id
    assert room.events[state["m.room.member", CAROL]].content["membership"] == "join"


def test_a_key_that_only_one_state_has_is_no_conflict() -> None:
    room, start = room_with_a_moderator()
    banned = room.ban(BOB, after=start)
    renamed = room.topic("Bob was here", by=BOB, after=start)

    state = room.resolve(banned, renamed)

    assert state[TOPIC] == renamed.event_id
    assert state["m.room.member", BOB] == banned.event_id


def test_if_no_topic_is_allowed_the_least_deep_one_stays() -> None:
    room, start = room_with_a_moderator()
    shallow = room.topic("shallow", by=BOB, after=start)
    deep = room.topic("deep", by=BOB, after=room.message(after=start))
    left = room.leave(BOB)
    states = [{**room.state_after(topic), left.key: left.event_id} for topic in (deep, shallow)]

    assert room.resolve_states(*states)[TOPIC] == shallow.event_id


def test_members_are_resolved_independently_of_each_other() -> None:
    room, start = room_with_a_moderator()
    targets = [UserId(f"@target{number}:first.example") for number in range(8)]
    for target in targets:
        start = room.join(target)
    renamed = room.profile(BOB, "Bob", after=start)
    banned = room.profile(BOB, "Robert", after=room.message(after=start))
    for target in targets:
        renamed = room.profile(target, "Target", after=renamed)
        banned = room.ban(target, by=BOB, after=banned)

    state = room.resolve(renamed, banned)

    # Whether Bob was in the room to ban anybody is not known before all members are resolved.
    for target in targets:
        assert room.events[state["m.room.member", target]].content["membership"] == "join"


def test_what_is_left_of_a_conflict_whose_other_events_are_unknown_stays() -> None:
    room, start = room_with_a_moderator()
    known, unknown = room.profile(CAROL, "Carol", after=start), room.profile(CAROL, "Caroline", after=start)
    events = {event_id: event for event_id, event in room.events.items() if event is not unknown}
    states = [room.state_after(known), room.state_after(unknown)]

    assert resolve_with(V1, states, lambda _: events) == room.state_after(known)
