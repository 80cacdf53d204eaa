"""Who may look at a room at all, and at which part of its life."""

from dataclasses import dataclass

from hs_core.db import Database, Transaction
from hs_core.errors import Forbidden
from hs_core.matrix.history_visibility import HistoryVisibility, RoomAccess, room_access
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.membership import Membership, parse_membership
from hs_plugins.rooms.api import Bounds, Page, Place, RoomInfo, View
from hs_plugins.rooms.reading.pages import Pages
from hs_plugins.rooms.reading.states import StoredStates
from hs_plugins.rooms.reading.visibility import VISIBILITY
from hs_plugins.rooms.store.members import past_memberships

_ROOM = """
    SELECT r.room_id, r.version, r.creator, r.state, r.joined_members, r.invited_members, r.position,
           m.membership, m.forgotten
    FROM rooms r LEFT JOIN memberships m ON m.room_id = r.room_id AND m.user_id = ?
    WHERE r.room_id = ?
"""


@dataclass(frozen=True, slots=True)
class _Situation:
    """What the database says of a user and a room."""

    room: RoomInfo
    membership: str
    forgotten: bool
    departure: Place | None
    """Where the user left the room last, if they were ever in it and are not now."""


class StoredViews:
    """`Views` out of the tables `rooms`, `memberships` and `events`."""

    def __init__(self, db: Database, states: StoredStates, pages: Pages) -> None:
        self._db = db
        self._states = states
        self._pages = pages

    async def of(self, user_id: UserId, room_id: RoomId) -> View:
        return await self._view(await self._db.read(lambda tx: _situation(tx, user_id, room_id)))

    async def with_page(self, user_id: UserId, room_id: RoomId, bounds: Bounds) -> tuple[View, Page | None]:
        def ask(tx: Transaction) -> tuple[bool, _Situation | None]:
            found = _situation(tx, user_id, room_id)
            return found is not None and found.membership == "join", found

        page, found = await self._pages.page_if(ask, room_id, bounds)
        return await self._view(found), page

    async def _view(self, found: _Situation | None) -> View:
        if found is None:
            raise Forbidden("You are not in that room")
        if found.membership == "join":
            return View(found.room, found.membership, found.room.state, None)
        visibility = await self._states.event(found.room.state, VISIBILITY)
        access = room_access(
            parse_membership(found.membership) or Membership.LEAVE,
            has_been_joined=found.departure is not None,
            forgotten=found.forgotten,
            now=HistoryVisibility.from_content(visibility.event.content if visibility else None),
        )
        if access is RoomAccess.PRESENT:
            return View(found.room, found.membership, found.room.state, None)
        if access is RoomAccess.NONE or found.departure is None:
            raise Forbidden("You are not in that room")
        state = await self._states.at(found.room.room_id, found.departure.position)
        return View(found.room, found.membership, state or found.room.state, found.departure)


def _situation(tx: Transaction, user_id: UserId, room_id: RoomId) -> _Situation | None:
    row = tx.one(_ROOM, (user_id, room_id))
    if row is None:
        return None
    *about, membership, forgotten = row
    departure = None if membership in {None, "join"} else _departure(tx, user_id, room_id)
    return _Situation(RoomInfo(*about), membership or "leave", bool(forgotten), departure)


def _departure(tx: Transaction, user_id: UserId, room_id: RoomId) -> Place | None:
    """The place just after the event that ended the user's last time in the room."""
    departure: Place | None = None
    for membership, place in past_memberships(tx, room_id, user_id):
        if membership == "join":
            return departure
        departure = place
    return None
