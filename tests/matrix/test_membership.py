"""What a change of membership means."""

from typing import Any

import pytest

from hs_core.matrix.membership import Membership, MembershipChange, membership_change, membership_of, parse_membership
from hs_core.matrix.room_version import V11
from tests.matrix.auth.rooms import ALICE, BOB, Room

BY_ANYBODY = [
    ("invite", "invite", MembershipChange.NONE),
    ("invite", "join", MembershipChange.JOINED),
    ("invite", "ban", MembershipChange.BANNED),
    ("invite", "knock", MembershipChange.KNOCKED_AGAIN),
    ("join", "invite", MembershipChange.UNEXPECTED),
    ("join", "join", MembershipChange.NONE),
    ("join", "ban", MembershipChange.KICKED_AND_BANNED),
    ("join", "knock", MembershipChange.UNEXPECTED),
    ("leave", "invite", MembershipChange.INVITED),
    ("leave", "join", MembershipChange.JOINED),
    ("leave", "leave", MembershipChange.NONE),
    ("leave", "ban", MembershipChange.BANNED),
    ("leave", "knock", MembershipChange.KNOCKED),
    ("ban", "invite", MembershipChange.UNEXPECTED),
    ("ban", "join", MembershipChange.UNEXPECTED),
    ("ban", "leave", MembershipChange.UNBANNED),
    ("ban", "ban", MembershipChange.NONE),
    ("ban", "knock", MembershipChange.UNEXPECTED),
    ("knock", "invite", MembershipChange.KNOCK_ACCEPTED),
    ("knock", "join", MembershipChange.UNEXPECTED),
    ("knock", "ban", MembershipChange.BANNED),
    ("knock", "knock", MembershipChange.NONE),
]
DEPARTURES = [
    ("invite", MembershipChange.INVITE_REJECTED, MembershipChange.INVITE_REVOKED),
    ("join", MembershipChange.LEFT, MembershipChange.KICKED),
    ("knock", MembershipChange.KNOCK_RETRACTED, MembershipChange.KNOCK_DENIED),
]

room = Room(V11)


@pytest.mark.parametrize(("before", "after", "change"), BY_ANYBODY)
def test_the_specifications_table_of_changes(before: str, after: str, change: MembershipChange) -> None:
    assert membership_change(room.member(BOB, before, by=BOB), room.member(BOB, after, by=ALICE)) is change
    assert membership_change(room.member(BOB, before, by=BOB), room.member(BOB, after, by=BOB)) is change


@pytest.mark.parametrize(("before", "by_themself", "by_another"), DEPARTURES)
def test_leaving_depends_on_who_says_so(
    before: str, by_themself: MembershipChange, by_another: MembershipChange
) -> None:
    old = room.member(BOB, before, by=BOB)

    assert membership_change(old, room.member(BOB, "leave", by=BOB)) is by_themself
    assert membership_change(old, room.member(BOB, "leave", by=ALICE)) is by_another


@pytest.mark.parametrize("profile", [{"displayname": "Bob"}, {"avatar_url": "mxc://x/y"}])
def test_a_join_of_somebody_joined_changes_their_profile(profile: dict[str, Any]) -> None:
    joined = room.member(BOB, "join", by=BOB)
    renamed = room.member(BOB, "join", by=BOB, **profile)

    assert membership_change(joined, renamed) is MembershipChange.PROFILE_CHANGED
    assert (
        membership_change(renamed, room.member(BOB, "join", by=BOB, reason="again", **profile)) is MembershipChange.NONE
    )
    assert membership_change(None, renamed) is MembershipChange.JOINED


@pytest.mark.parametrize("odd", [None, "", "joined", 1, [], {}])
def test_what_is_no_membership_is_as_good_as_leave(odd: Any) -> None:
    assert parse_membership(odd) is None
    assert membership_of(room.member(BOB, odd, by=BOB)) is Membership.LEAVE
    assert membership_of(None) is Membership.LEAVE
