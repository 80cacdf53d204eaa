import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.event import Event
from hs_core.matrix.history_visibility import (
    HistoryVisibility,
    RoomAccess,
    UserAtEvent,
    room_access,
    server_may_see,
    user_may_see,
)
from hs_core.matrix.identifiers import ServerName, UserId
from hs_core.matrix.membership import Membership
from hs_core.matrix.room_version import V12
from tests.matrix.examples import ALICE, BOB, SERVER, example_event

WORLD_READABLE, SHARED, INVITED, JOINED = HistoryVisibility
ELSEWHERE = ServerName("elsewhere.org")
MESSAGE = example_event(V12)
JOIN, INVITE, LEAVE, BAN = Membership.JOIN, Membership.INVITE, Membership.LEAVE, Membership.BAN
MEMBERSHIPS = list(Membership)


def member(user: UserId, membership: Membership) -> Event:
    return example_event(V12, "m.room.member", {"membership": membership}, state_key=user)


def visibility_change(to: HistoryVisibility) -> Event:
    return example_event(V12, "m.room.history_visibility", {"history_visibility": to.value}, state_key="")


@pytest.mark.parametrize("content", [None, {}, {"history_visibility": "secret"}, {"history_visibility": ["joined"]}])
def test_a_visibility_that_is_not_understood_is_shared(content: dict[str, object] | None) -> None:
    assert HistoryVisibility.from_content(content) is SHARED


@pytest.mark.parametrize(
    ("visibility", "memberships", "later_memberships"),
    [
        (WORLD_READABLE, MEMBERSHIPS, MEMBERSHIPS),
        (SHARED, [JOIN], MEMBERSHIPS),
        (INVITED, [INVITE, JOIN], [INVITE, JOIN]),
        (JOINED, [JOIN], [JOIN]),
    ],
)
def test_a_message_is_seen_by(
    visibility: HistoryVisibility, memberships: list[Membership], later_memberships: list[Membership]
) -> None:
    seen = [m for m in MEMBERSHIPS if user_may_see(MESSAGE, BOB, UserAtEvent(visibility, m))]
    seen_after_joining = [
        m for m in MEMBERSHIPS if user_may_see(MESSAGE, BOB, UserAtEvent(visibility, m, joins_later=True))
    ]

    assert seen == memberships
    assert seen_after_joining == later_memberships


@pytest.mark.parametrize(("before", "after"), [(WORLD_READABLE, JOINED), (JOINED, WORLD_READABLE)])
def test_a_stranger_sees_the_room_being_opened_and_closed(before: HistoryVisibility, after: HistoryVisibility) -> None:
    assert user_may_see(visibility_change(after), BOB, UserAtEvent(before))
    assert server_may_see(visibility_change(after), ELSEWHERE, before, [])


def test_only_the_room_s_own_visibility_event_counts_as_a_change() -> None:
    decoy = example_event(V12, "m.room.history_visibility", {"history_visibility": "world_readable"}, state_key="x")

    assert not user_may_see(decoy, BOB, UserAtEvent(JOINED))


def test_users_always_see_their_own_joins_and_departures() -> None:
    for visibility in HistoryVisibility:
        assert user_may_see(member(BOB, JOIN), BOB, UserAtEvent(visibility, LEAVE))
        assert user_may_see(member(BOB, BAN), BOB, UserAtEvent(visibility, JOIN))


def test_the_memberships_of_others_are_seen_like_any_event() -> None:
    assert not user_may_see(member(ALICE, JOIN), BOB, UserAtEvent(JOINED))


def test_a_withdrawn_invitation_is_seen_where_invitations_open_history() -> None:
    assert user_may_see(member(BOB, LEAVE), BOB, UserAtEvent(INVITED, INVITE))
    assert not user_may_see(member(BOB, LEAVE), BOB, UserAtEvent(JOINED, INVITE))


@pytest.mark.parametrize(
    ("visibility", "memberships", "sees"),
    [
        (WORLD_READABLE, [], True),
        (SHARED, [], True),
        (INVITED, [LEAVE], False),
        (INVITED, [LEAVE, INVITE], True),
        (JOINED, [LEAVE, INVITE], False),
        (JOINED, [JOIN], True),
        (JOINED, [], False),
    ],
)
def test_a_server_sees_what_one_of_its_users_may_see(
    visibility: HistoryVisibility, memberships: list[Membership], sees: bool
) -> None:
    assert server_may_see(MESSAGE, ELSEWHERE, visibility, memberships) is sees


def test_a_server_sees_its_users_arrive() -> None:
    assert server_may_see(member(BOB, JOIN), ELSEWHERE, JOINED, [])
    assert not server_may_see(member(BOB, JOIN), SERVER, JOINED, [])


@given(st.sampled_from(HistoryVisibility), st.lists(st.sampled_from(MEMBERSHIPS)))
@settings(max_examples=60, deadline=None)
def test_a_server_never_sees_less_than_its_users(visibility: HistoryVisibility, memberships: list[Membership]) -> None:
    users_see = any(user_may_see(MESSAGE, BOB, UserAtEvent(visibility, m)) for m in memberships)

    assert server_may_see(MESSAGE, ELSEWHERE, visibility, memberships) or not users_see


def test_what_one_may_ask_for_depends_on_ones_own_membership_and_on_the_world() -> None:
    def access(
        membership: Membership, *, joined: bool = False, forgotten: bool = False, now: HistoryVisibility = SHARED
    ) -> str:
        return room_access(membership, has_been_joined=joined, forgotten=forgotten, now=now).value

    assert access(JOIN, joined=True) == RoomAccess.PRESENT.value
    assert access(LEAVE, joined=True) == RoomAccess.UNTIL_DEPARTURE.value
    assert access(BAN, joined=True) == RoomAccess.UNTIL_DEPARTURE.value
    assert access(LEAVE, joined=True, forgotten=True) == RoomAccess.NONE.value
    assert access(INVITE) == RoomAccess.NONE.value
    assert access(LEAVE, now=WORLD_READABLE) == RoomAccess.PRESENT.value
    assert access(LEAVE, joined=True, forgotten=True, now=WORLD_READABLE) == RoomAccess.PRESENT.value
