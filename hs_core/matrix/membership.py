"""What a membership is and what a change of it means (client-server API, `m.room.member`)."""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Final

from hs_core.matrix.event import Event, Json


class Membership(StrEnum):
    """Where somebody stands with a room."""

    INVITE = "invite"
    JOIN = "join"
    KNOCK = "knock"
    LEAVE = "leave"
    BAN = "ban"


class MembershipChange(Enum):
    """What happened to a user; the cells of the specification's table of membership changes."""

    NONE = "no change"
    INVITED = "new invitation sent"
    JOINED = "user joined"
    PROFILE_CHANGED = "`displayname` or `avatar_url` changed"
    INVITE_REJECTED = "the user rejected the invite"
    INVITE_REVOKED = "the user had their invite revoked"
    LEFT = "the user left"
    KICKED = "the user was kicked"
    BANNED = "user was banned"
    KICKED_AND_BANNED = "user was kicked and banned"
    UNBANNED = "user was unbanned"
    KNOCKED = "user is knocking"
    KNOCKED_AGAIN = "user is re-knocking"
    KNOCK_ACCEPTED = "knock accepted"
    KNOCK_RETRACTED = "the user retracted the knock"
    KNOCK_DENIED = "the user had their knock denied"
    UNEXPECTED = "must never happen"


_BY_NAME: Final[Mapping[str, Membership]] = {membership.value: membership for membership in Membership}

_CHANGES: Final = {
    (Membership.INVITE, Membership.JOIN): MembershipChange.JOINED,
    (Membership.INVITE, Membership.BAN): MembershipChange.BANNED,
    (Membership.INVITE, Membership.KNOCK): MembershipChange.KNOCKED_AGAIN,
    (Membership.JOIN, Membership.BAN): MembershipChange.KICKED_AND_BANNED,
    (Membership.LEAVE, Membership.INVITE): MembershipChange.INVITED,
    (Membership.LEAVE, Membership.JOIN): MembershipChange.JOINED,
    (Membership.LEAVE, Membership.BAN): MembershipChange.BANNED,
    (Membership.LEAVE, Membership.KNOCK): MembershipChange.KNOCKED,
    (Membership.BAN, Membership.LEAVE): MembershipChange.UNBANNED,
    (Membership.KNOCK, Membership.INVITE): MembershipChange.KNOCK_ACCEPTED,
    (Membership.KNOCK, Membership.BAN): MembershipChange.BANNED,
}
"""The changes that are the same whoever makes them, and are changes at all."""

_DEPARTURES: Final = {
    Membership.INVITE: (MembershipChange.INVITE_REJECTED, MembershipChange.INVITE_REVOKED),
    Membership.JOIN: (MembershipChange.LEFT, MembershipChange.KICKED),
    Membership.KNOCK: (MembershipChange.KNOCK_RETRACTED, MembershipChange.KNOCK_DENIED),
}
"""What to leave means from each membership: done by the user, and done by somebody else."""


def parse_membership(value: Json) -> Membership | None:
    """The membership of that name; `None` for anything else."""
    return _BY_NAME.get(value) if isinstance(value, str) else None


def membership_of(event: Event | None) -> Membership:
    """The membership that a user's current `m.room.member` event gives.

    "If not present, the user's previous membership must be assumed as `leave`." So are memberships that do not exist.
    """
    if event is None:
        return Membership.LEAVE
    return parse_membership(event.content.get("membership")) or Membership.LEAVE


def membership_change(before: Event | None, after: Event) -> MembershipChange:
    """What `after` did to the user that it is about, whose membership event was `before`."""
    old, new = membership_of(before), membership_of(after)
    if old is new:
        changed = old is Membership.JOIN and before is not None and _profile_of(before) != _profile_of(after)
        return MembershipChange.PROFILE_CHANGED if changed else MembershipChange.NONE
    if new is Membership.LEAVE and old in _DEPARTURES:
        by_themself, by_another = _DEPARTURES[old]
        return by_themself if after.sender == after.state_key else by_another
    return _CHANGES.get((old, new), MembershipChange.UNEXPECTED)


def _profile_of(event: Event) -> tuple[Json, Json]:
    return event.content.get("displayname"), event.content.get("avatar_url")
