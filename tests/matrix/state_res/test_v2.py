"""What people can and cannot do to each other at the same time, in the room versions since 2."""

from collections.abc import Mapping

import pytest

from hs_core.matrix.event import Event, StateKey, StateMap
from hs_core.matrix.event_building import EventDraft, LegacyNames, build_event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.pdu import event_from_trusted_json
from hs_core.matrix.room_version import ROOM_VERSIONS, V2, V6, V11, V12, RoomVersion, StateResolution
from hs_core.matrix.state_res import resolve_with
from hs_core.testing.room_dag import BEGINNING, RoomDag, signing_key_of
from tests.matrix.state_res.people import ALICE, BOB, CAROL, DAVE

TOPIC = ("m.room.topic", "")
POWER_LEVELS = ("m.room.power_levels", "")
JOIN_RULES = ("m.room.join_rules", "")

VERSIONS = [version for version in ROOM_VERSIONS.values() if version.state_resolution is not StateResolution.V1]
every_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.identifier)
both_algorithms = pytest.mark.parametrize("version", [V2, V11, V12], ids=lambda version: version.identifier)


def member(user: str) -> StateKey:
    return ("m.room.member", user)


def room_with_moderators(version: RoomVersion) -> tuple[RoomDag, Event]:
    """Alice's room, in which Bob and Carol have 50, which they have used, and Dave has nothing."""
    room = RoomDag(version, ALICE)
    for user in (BOB, CAROL, DAVE):
        room.join(user)
    room.power({BOB: 50, CAROL: 50})
    for user in (BOB, CAROL):
        start = room.send("org.example.badge", {"colour": "blue"}, by=user, state_key=user)
    return room, start


@every_version
def test_a_ban_beats_a_topic_set_at_the_same_time(version: RoomVersion) -> None:
    room = RoomDag(version, creator=ALICE)
    start = room.power({BOB: 50}, by=ALICE, after=room.join(BOB))
    banned = room.ban(BOB, by=ALICE, after=start)
    renamed = room.topic("Bob was here", by=BOB, after=start)

    assert room.resolve(banned, renamed) == room.state_after(banned)


@every_version
def test_who_is_demoted_cannot_ban_at_the_same_time(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    # By Bob's clock, he was first.
    banned = room.ban(DAVE, by=BOB, after=start, at=BEGINNING)
    demoted = room.power({BOB: 0}, by=ALICE, after=start)

    assert room.resolve(banned, demoted) == room.state_after(demoted)


@every_version
def test_who_is_banned_cannot_give_power_away_at_the_same_time(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    promoted = room.power({DAVE: 50}, by=BOB, after=start, at=BEGINNING)
    banned = room.ban(BOB, by=ALICE, after=start)

    assert room.resolve(promoted, banned) == room.state_after(banned)


@every_version
def test_who_is_banned_cannot_ban_at_the_same_time(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    stronger = room.power({BOB: 51}, after=start)
    by_bob = room.ban(CAROL, by=BOB, after=stronger)
    by_carol = room.ban(DAVE, by=CAROL, after=stronger, at=BEGINNING)

    assert room.resolve(by_bob, by_carol) == room.state_after(by_bob)


@every_version
def test_nobody_joins_while_the_room_is_closed_at_the_same_time(version: RoomVersion) -> None:
    room = RoomDag(version, ALICE)
    start = room.join(BOB)
    closed = room.join_rules("invite", after=start)
    joined = room.join(CAROL, after=start, at=BEGINNING)

    assert room.resolve(closed, joined) == room.state_after(closed)


@every_version
def test_an_invite_lets_somebody_join_while_the_room_is_closed(version: RoomVersion) -> None:
    room = RoomDag(version, ALICE)
    invited = room.invite(BOB)
    closed = room.join_rules("invite", after=invited)
    joined = room.join(BOB, after=invited)

    state = room.resolve(closed, joined)

    assert state[JOIN_RULES] == closed.event_id
    assert state[member(BOB)] == joined.event_id


@every_version
def test_who_is_kicked_cannot_rename_the_room_at_the_same_time_but_who_leaves_can(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    renamed = room.topic("Bob was here", by=BOB, after=start)
    kicked = room.kick(BOB, after=start)
    left = room.leave(BOB, after=start)

    assert room.resolve(renamed, kicked) == room.state_after(kicked)
    assert room.resolve(renamed, left)[TOPIC] == renamed.event_id


@every_version
def test_a_kick_and_a_change_of_name_leave_the_user_kicked(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    kicked = room.kick(DAVE, by=BOB, after=start, at=BEGINNING)
    renamed = room.profile(DAVE, "Dave", after=start)
    closed = room.join_rules("invite", after=[kicked])

    assert room.resolve(closed, renamed)[member(DAVE)] == kicked.event_id


@every_version
def test_two_changes_of_power_levels_are_applied_by_power_and_then_by_time(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    by_bob = room.power({DAVE: 10}, by=BOB, after=start, at=BEGINNING + 60_000)
    by_carol = room.power({DAVE: 20}, by=CAROL, after=start, at=BEGINNING + 70_000)
    by_alice = room.power({DAVE: 30}, by=ALICE, after=start, at=BEGINNING + 80_000)

    assert room.resolve(by_bob, by_carol, by_alice)[POWER_LEVELS] == by_carol.event_id


@both_algorithms
def test_at_the_same_time_the_greater_event_id_comes_last(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    now = BEGINNING + 60_000
    topics = [room.topic(f"topic of {user}", by=user, after=start, at=now) for user in (ALICE, BOB, CAROL)]
    levels = [room.power({DAVE: level}, by=user, after=start, at=now) for user, level in ((BOB, 1), (CAROL, 2))]

    assert room.resolve(*topics)[TOPIC] == max(topic.event_id for topic in topics)
    assert room.resolve(*levels)[POWER_LEVELS] == max(level.event_id for level in levels)


@every_version
def test_a_topic_set_under_newer_power_levels_wins_whatever_its_clock_says(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    old = room.topic("old", by=BOB, after=start, at=BEGINNING + 90_000)
    newer = room.power({DAVE: 5}, after=start)
    new = room.topic("new", by=CAROL, after=newer, at=BEGINNING)

    assert room.resolve(old, new)[TOPIC] == new.event_id


@both_algorithms
def test_topics_under_power_levels_of_many_ages_are_ordered_by_them(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    ages = [start, *(room.power({DAVE: level}) for level in range(1, 30))]
    topics = [room.topic(f"topic {age}", after=ages[age], at=BEGINNING + 100_000 - age) for age in (0, 7, 8, 14, 21)]

    assert room.resolve(*topics, ages[-1])[TOPIC] == topics[-1].event_id
    assert room.resolve(*topics[:-1], ages[-1])[TOPIC] == topics[-2].event_id
    assert room.resolve(*topics[:2], ages[7])[TOPIC] == topics[1].event_id


@both_algorithms
def test_a_topic_set_on_a_losing_branch_of_power_levels_counts_as_old_as_the_fork(version: RoomVersion) -> None:
    room, older = room_with_moderators(version)
    older = room.topic("older", after=older, at=BEGINNING + 990_000)
    start = room.power({DAVE: 6})
    losing = room.power({DAVE: 7}, by=BOB, after=start, at=BEGINNING)
    for level in (8, 9, 10):
        losing = room.power({DAVE: level}, by=BOB, after=losing, at=BEGINNING)
    on_losing_branch = room.topic("late", by=BOB, after=losing, at=BEGINNING + 900_000)
    winning = room.power({CAROL: 40}, by=CAROL, after=start, at=BEGINNING + 100_000)
    on_winning_branch = room.topic("early", by=BOB, after=winning, at=BEGINNING)

    state = room.resolve(on_losing_branch, on_winning_branch)

    assert state[POWER_LEVELS] == winning.event_id
    assert state[TOPIC] == on_winning_branch.event_id
    assert room.resolve(on_losing_branch, winning, older)[TOPIC] == on_losing_branch.event_id


@every_version
def test_without_power_levels_the_later_topic_wins_and_the_creator_has_power(version: RoomVersion) -> None:
    room = RoomDag(version, ALICE, bare=True)
    start = room.message()
    first = room.topic("first", after=start, at=BEGINNING + 20_000)
    second = room.topic("second", after=start, at=BEGINNING + 10_000)

    assert room.resolve(first, second)[TOPIC] == first.event_id


@both_algorithms
def test_without_power_levels_in_its_auth_events_the_creators_change_comes_before_others(version: RoomVersion) -> None:
    room = RoomDag(version, ALICE, bare=True)
    opened = room.join_rules("public")
    bob = room.join(BOB, after=opened)
    closed = room.join_rules("invite", after=bob, at=BEGINNING + 90_000)
    levels = room.power({BOB: 100}, after=bob)
    reopened = room.join_rules("knock" if version.knocking else "public", by=BOB, after=levels, at=BEGINNING)

    assert room.resolve(closed, reopened)[JOIN_RULES] == reopened.event_id


def test_creators_of_version_12_come_before_everybody_else() -> None:
    room = RoomDag(V12, ALICE, create_content={"additional_creators": [BOB]})
    for user in (BOB, CAROL, DAVE):
        room.join(user)
    start = room.power({CAROL: 9000, DAVE: 9001})
    by_dave = room.power({CAROL: 1}, by=DAVE, after=start, at=BEGINNING)
    by_bob = room.power({DAVE: 0}, by=BOB, after=start, at=BEGINNING + 90_000)

    assert room.resolve(by_dave, by_bob)[POWER_LEVELS] == by_bob.event_id


@every_version
def test_what_only_one_branch_has_is_kept(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    topic = room.topic("one", by=BOB, after=start)
    left = room.leave(DAVE, after=start)

    state = room.resolve(topic, left)

    assert state[TOPIC] == topic.event_id
    assert state[member(DAVE)] == left.event_id


def as_if_left_on_both_branches(room: RoomDag, topics: list[Event], left: Event) -> list[StateMap]:
    return [{**room.state_after(topic), left.key: left.event_id} for topic in topics]


def topics_by_somebody_who_left(version: RoomVersion) -> tuple[RoomDag, list[Event], StateMap]:
    """Two servers know different topics by Bob, and both know that he has left since."""
    room, start = room_with_moderators(version)
    topics = [room.topic(text, by=BOB, after=start) for text in ("one", "two")]
    left = room.leave(BOB)
    return room, topics, room.resolve_states(*as_if_left_on_both_branches(room, topics, left))


def test_version_2_resets_what_was_set_by_somebody_who_has_left_since() -> None:
    _, _, state = topics_by_somebody_who_left(V11)

    assert TOPIC not in state


def test_version_2_1_keeps_what_was_set_by_somebody_who_has_left_since() -> None:
    _, topics, state = topics_by_somebody_who_left(V12)

    assert state[TOPIC] == topics[1].event_id


def test_version_2_1_applies_the_power_levels_between_those_that_conflict() -> None:
    room = RoomDag(V12, ALICE)
    for user in (BOB, DAVE):
        room.join(user)
    old = room.state_before(None)[POWER_LEVELS]
    room.power({BOB: 100})
    room.join(CAROL)
    new = room.power({DAVE: 50}, by=BOB)
    state = room.state_after(new)

    # Somebody's state went back to the first power levels, under which Bob could not have sent the last ones. Those
    # between are in the auth chains of both states, since Carol joined under them.
    assert room.resolve_states({**state, POWER_LEVELS: old}, state) == state


@pytest.mark.parametrize("version", [V2, V11], ids=lambda version: version.identifier)
def test_what_a_kick_stands_on_by_way_of_agreed_power_levels_is_applied_before_it(version: RoomVersion) -> None:
    room = RoomDag(version, ALICE)
    for user in (CAROL, DAVE):
        room.join(user)
    room.power({BOB: 100})
    joined = room.join(BOB, at=BEGINNING + 90_000)
    renamed = room.profile(BOB, "Bob", after=joined, at=BEGINNING)
    room.power({CAROL: 1}, by=BOB, after=joined)
    agreed = room.state_after(room.profile(CAROL, "Carol", after=room.events[room.state_before(None)[POWER_LEVELS]]))
    kicked = room.kick(DAVE)

    state = room.resolve_states({**agreed, kicked.key: kicked.event_id}, {**agreed, renamed.key: renamed.event_id})

    # By their clocks and power levels alone, Bob would have joined after he changed his name.
    assert state[kicked.key] == kicked.event_id
    assert state[renamed.key] == renamed.event_id


def joined_by_an_agreed_join_rule(version: RoomVersion) -> tuple[RoomDag, Event, list[StateMap]]:
    """All branches agree on the join rules, by which Dave has joined on one of them."""
    room = RoomDag(version, ALICE)
    start = room.join(CAROL)
    joined = room.join(DAVE, after=start)
    return room, joined, [room.state_after(start), room.state_after(joined)]


def lookup_in(room: RoomDag, *missing: EventId) -> Mapping[EventId, Event]:
    return {event_id: event for event_id, event in room.events.items() if event_id not in missing}


def test_auth_events_stand_in_for_state_unless_they_were_rejected() -> None:
    room, joined, states = joined_by_an_agreed_join_rule(V12)
    rules = states[0][JOIN_RULES]

    assert resolve_with(V12, states, lambda _: room.events)[joined.key] == joined.event_id
    assert joined.key not in resolve_with(V12, states, lambda _: room.events, rejected={rules})


def test_state_stands_even_if_it_was_rejected() -> None:
    room, joined, states = joined_by_an_agreed_join_rule(V11)
    rules = states[0][JOIN_RULES]

    assert resolve_with(V11, states, lambda _: room.events, rejected={rules})[joined.key] == joined.event_id


@both_algorithms
def test_an_unknown_auth_event_authorises_nothing(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    topic = room.topic("known", by=BOB, after=start)
    bobs_join = next(event_id for event_id in topic.auth_events if room.events[event_id].key == member(BOB))
    states = [room.state_after(start), room.state_after(topic)]

    assert TOPIC in resolve_with(version, states, lambda _: lookup_in(room))
    assert TOPIC not in resolve_with(version, states, lambda _: lookup_in(room, bobs_join))


@both_algorithms
def test_an_unknown_event_of_a_state_is_left_out(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    topics = [room.topic(text, after=start) for text in ("one", "two")]
    states = [room.state_after(topic) for topic in topics]

    assert resolve_with(version, states, lambda _: lookup_in(room, topics[1].event_id)) == states[0]


@pytest.mark.parametrize("version", [V6, V12], ids=lambda version: version.identifier)
def test_old_join_rules_that_only_one_branch_stands_on_do_not_replace_agreed_ones(version: RoomVersion) -> None:
    room = RoomDag(version, ALICE)
    carol = room.join(CAROL)
    closed = room.join_rules("invite", after=carol)
    left = room.leave(CAROL, after=closed)
    invited = room.invite(DAVE, after=closed)

    assert room.resolve(left, invited)[JOIN_RULES] == closed.event_id


@both_algorithms
def test_an_event_that_stands_on_a_message_does_no_harm(version: RoomVersion) -> None:
    room, start = room_with_moderators(version)
    wrong = room.topic("wrong", auth_events=[room.message()], may_be_rejected=True)
    state = room.state_after(start)

    assert room.resolve_states(state, {**state, TOPIC: wrong.event_id}).items() - state.items() <= {
        (TOPIC, wrong.event_id)
    }


def test_power_levels_that_stand_on_each_other_in_a_circle_are_followed_once() -> None:
    room, start = room_with_moderators(V2)
    ids = [EventId(f"${name}:first.example") for name in ("chicken", "egg")]
    names = dict.fromkeys([*ids, start.event_id], bytes(32))
    circle = [
        build_event(
            EventDraft(room_id=room.room_id, sender=ALICE, type="m.room.power_levels", content={}, state_key=""),
            V2,
            depth=9,
            prev_events=[start.event_id],
            auth_events=[other],
            origin_server_ts=BEGINNING,
            signing_keys=[signing_key_of("first.example")],
            legacy_names=LegacyNames(event_id, names),
        )
        for event_id, other in (ids, reversed(ids))
    ]
    topic = room.topic("known", after=start)
    dizzy = event_from_trusted_json({**topic.pdu, "auth_events": [[ids[0], {}]]}, V2, EventId("$dizzy:first.example"))
    events = {**room.events, dizzy.event_id: dizzy, **{event.event_id: event for event in circle}}
    states = [{**room.state_after(topic), POWER_LEVELS: ids[1]}, {**room.state_after(start), TOPIC: dizzy.event_id}]

    assert resolve_with(V2, states, lambda _: events)[POWER_LEVELS] == ids[1]
