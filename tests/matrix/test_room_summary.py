from hs_core.matrix.identifiers import UserId
from hs_core.matrix.membership import Membership
from hs_core.matrix.room_summary import Member, summarise_room
from tests.matrix.examples import ALICE, BOB

JOIN, INVITE, LEAVE, BAN, KNOCK = (
    Membership.JOIN,
    Membership.INVITE,
    Membership.LEAVE,
    Membership.BAN,
    Membership.KNOCK,
)


def user(n: int) -> UserId:
    return UserId(f"@u{n}:example.org")


def test_heroes_are_the_first_five_others_who_are_present() -> None:
    members = [Member(user(n), INVITE if n % 2 else JOIN, 100 - n) for n in range(8)]
    members += [Member(ALICE, JOIN, 1), Member(BOB, BAN, 2)]

    summary = summarise_room(members, ALICE)
    assert summary.heroes == (user(7), user(6), user(5), user(4), user(3))
    assert (summary.joined_member_count, summary.invited_member_count) == (5, 4)


def test_those_who_left_stand_in_when_nobody_is_there() -> None:
    members = [Member(ALICE, JOIN, 1), Member(BOB, LEAVE, 5), Member(user(1), BAN, 3), Member(user(2), KNOCK, 2)]

    summary = summarise_room(members, ALICE)
    assert summary.heroes == (user(1), BOB)
    assert summary.to_json() == {
        "m.heroes": [user(1), BOB],
        "m.joined_member_count": 1,
        "m.invited_member_count": 0,
    }


def test_an_empty_room_has_no_heroes() -> None:
    summary = summarise_room([], ALICE)

    assert summary.to_json(with_heroes=False) == {"m.joined_member_count": 0, "m.invited_member_count": 0}
    assert summary.heroes == ()
