"""The summary of a room for clients that do not know its members (client-server API, `/sync`, "RoomSummary")."""

import heapq
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from hs_core.matrix.identifiers import UserId
from hs_core.matrix.membership import Membership

MAX_HEROES: Final = 5


class Member(NamedTuple):
    """One user's current membership."""

    user_id: UserId
    membership: Membership
    stream_position: int
    """Where in the server's order of events the membership stands."""


class RoomSummary(msgspec.Struct, frozen=True):
    """Who is in a room, for clients to make a name of if it has none."""

    heroes: tuple[UserId, ...]
    joined_member_count: int
    """The reader included."""
    invited_member_count: int

    def to_json(self, *, with_heroes: bool = True) -> dict[str, Any]:
        """`RoomSummary`; heroes are required if the room's name and canonical alias "are unset or empty"."""
        summary: dict[str, Any] = {"m.heroes": list(self.heroes)} if with_heroes else {}
        summary["m.joined_member_count"] = self.joined_member_count
        summary["m.invited_member_count"] = self.invited_member_count
        return summary


def summarise_room(members: Iterable[Member], reader: UserId) -> RoomSummary:
    """The summary of a room for one of its users, in one pass over the members."""
    everybody = list(members)
    present = [member for member in everybody if member.membership in (Membership.JOIN, Membership.INVITE)]
    joined = sum(member.membership is Membership.JOIN for member in present)
    return RoomSummary(_heroes(present, everybody, reader), joined, len(present) - joined)


def _heroes(present: list[Member], everybody: list[Member], reader: UserId) -> tuple[UserId, ...]:
    """ "The first 5 members of the room, ordered by stream ordering, which are joined or invited. The list must never
    include the client's own user ID. When no joined or invited members are available, this should consist of the banned
    and left users."
    """
    others = [member for member in present if member.user_id != reader]
    if not others:
        others = [m for m in everybody if m.membership in (Membership.LEAVE, Membership.BAN) and m.user_id != reader]
    first = heapq.nsmallest(MAX_HEROES, others, key=lambda member: (member.stream_position, member.user_id))
    return tuple(member.user_id for member in first)
