"""Who may see which event (client-server API, "Room History Visibility").

The caller loads the state before the event; these functions decide. They know nothing of events that nobody may see
(rejected or soft-failed ones) nor of events that are hidden for other reasons (ignored senders).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import ServerName, UserId
from hs_core.matrix.membership import Membership, membership_of

_EVENT_TYPE = "m.room.history_visibility"


class HistoryVisibility(Enum):
    """The value of `m.room.history_visibility`, from the most open to the most closed."""

    WORLD_READABLE = "world_readable"
    SHARED = "shared"
    INVITED = "invited"
    JOINED = "joined"

    @classmethod
    def from_content(cls, content: Mapping[str, Any] | None) -> "HistoryVisibility":
        """What a room's `m.room.history_visibility` says; `None` when it has none.

        "By default if no `history_visibility` is set, or if the value is not understood, the visibility is assumed to
        be `shared`."
        """
        value = content.get("history_visibility") if content is not None else None
        return _BY_NAME.get(value, cls.SHARED) if isinstance(value, str) else cls.SHARED


_BY_NAME = {visibility.value: visibility for visibility in HistoryVisibility}


@dataclass(frozen=True, slots=True)
class UserAtEvent:
    """What the state of the room before an event says about one user's view of it."""

    visibility: HistoryVisibility
    membership: Membership = Membership.LEAVE
    """`LEAVE` also for somebody who was never in the room."""
    joins_later: bool = False
    """Whether "the user joined the room at any point after the event was sent"."""


def user_may_see(event: Event, user: UserId, before: UserAtEvent) -> bool:
    """Whether `user` may see `event`."""
    # "If the user's `membership` was `join`, allow." So it is of most events that somebody asks for.
    if before.membership is Membership.JOIN:
        return True
    memberships: set[Membership] = {before.membership}
    # "for the user's own `m.room.member` events, the user should be allowed to see the event if their `membership`
    # before *or* after the event would allow them to see it"
    if event.type == "m.room.member" and event.state_key == user:
        memberships.add(membership_of(event))
    return any(
        _allows_user(visibility, membership, before.joins_later)
        for visibility in _visibilities_at(event, before.visibility)
        for membership in memberships
    )


def server_may_see(
    event: Event, server: ServerName, visibility: HistoryVisibility, memberships: Iterable[Membership]
) -> bool:
    """Whether a server that participates in the room may be given `event`: whether any of its users may see it.

    Args:
        visibility: as of the state before the event.
        memberships: of that server's users, in the state before the event. Only looked at when it matters.
    """
    visibilities = _visibilities_at(event, visibility)
    # Under `shared` the users of a participating server see all; under `world_readable` everybody does.
    if not visibilities <= {HistoryVisibility.INVITED, HistoryVisibility.JOINED}:
        return True
    present = set(memberships)
    if event.type == "m.room.member" and event.state_key is not None and _is_user_of(event.state_key, server):
        present.add(membership_of(event))
    return any(_allows_user(v, membership, joins_later=False) for v in visibilities for membership in present)


class RoomAccess(Enum):
    """Up to where somebody may ask for the history of a room at all."""

    NONE = "none"
    UNTIL_DEPARTURE = "until departure"
    """ "After a user has left a room, they may see any events which they were allowed to see before they left the room,
    but no events received after they left."
    """
    PRESENT = "present"


def room_access(
    membership: Membership, *, has_been_joined: bool, forgotten: bool, now: HistoryVisibility
) -> RoomAccess:
    """What somebody may ask for, before any single event is looked at.

    "In all cases except `world_readable`, a user needs to join a room to view events in that room."

    Args:
        membership: the user's current one; `LEAVE` for somebody who was never in the room.
        has_been_joined: whether the user was ever joined.
        forgotten: whether the user has forgotten the room since leaving it.
        now: the visibility in the room's current state.
    """
    if membership is Membership.JOIN or now is HistoryVisibility.WORLD_READABLE:
        return RoomAccess.PRESENT
    if has_been_joined and not forgotten:
        return RoomAccess.UNTIL_DEPARTURE
    return RoomAccess.NONE


def _allows_user(visibility: HistoryVisibility, membership: Membership, joins_later: bool) -> bool:
    # "If the `history_visibility` was set to `world_readable`, allow."
    # "If the user's `membership` was `join`, allow."
    if visibility is HistoryVisibility.WORLD_READABLE or membership is Membership.JOIN:
        return True
    # "If `history_visibility` was set to `shared`, and the user joined the room at any point after the event was sent,
    # allow."
    if visibility is HistoryVisibility.SHARED and joins_later:
        return True
    # "If the user's `membership` was `invite`, and the `history_visibility` was set to `invited`, allow."
    return visibility is HistoryVisibility.INVITED and membership is Membership.INVITE


def _visibilities_at(event: Event, before: HistoryVisibility) -> set[HistoryVisibility]:
    """ "For `m.room.history_visibility` events themselves, the user should be allowed to see the event if the
    `history_visibility` before *or* after the event would allow them to see it."
    """
    if event.type == _EVENT_TYPE and event.state_key == "":
        return {before, HistoryVisibility.from_content(event.content)}
    return {before}


def _is_user_of(user: str, server: ServerName) -> bool:
    return user.partition(":")[2] == server
