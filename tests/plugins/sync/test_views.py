"""What is remembered of users, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, cast

from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_core.streams.follower import Follower
from hs_core.streams.token import EVENTS_KEY
from hs_plugins.rooms.api import EventRow, Members, Membership
from hs_plugins.sync.views import IDLE_SECONDS, Views

ALICE, BOB = UserId("@alice:hs.test"), UserId("@bob:hs.test")
ROOM = RoomId("!room:hs.test")


class Stored:
    """A database in which everybody is in one room, and a stream that has delivered all of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads = 0
        self.position = 7
        self.meanwhile: Callable[[], None] = lambda: None

    async def of_user(self, user_id: UserId, memberships: Collection[str] = ()) -> list[Membership]:
        self.reads += 1
        if self.reads == 1:
            self.meanwhile()
        return [Membership(ROOM, user_id, "join", EventId("$join"), user_id, 5, forgotten=False)]

    async def reached(self, position: int) -> None:
        assert position <= self.position


def _views(stored: Stored) -> Views:
    follower = cast(Follower[EventRow], stored)
    return Views(cast(Members, stored), follower, lambda: {EVENTS_KEY: 7}, lambda: stored.now)


def _left(user_id: UserId) -> Any:
    class Row:
        room_id, event_id, sender = ROOM, EventId("$leave"), user_id
        state_key, membership = user_id, "leave"

    return Row


async def test_a_user_is_read_once_and_then_kept_by_rows() -> None:
    stored = Stored()
    views = _views(stored)
    view = await views.of(ALICE)
    assert list(views.in_room(ROOM)) == [view]

    views.moved(_left(ALICE), 8)

    assert await views.of(ALICE) is view
    assert stored.reads == 1
    assert (view.rooms[ROOM].membership, view.joined, list(views.in_room(ROOM))) == ("leave", set(), [])


async def test_a_resolution_of_the_rooms_state_has_memberships_read_again() -> None:
    stored = Stored()
    views = _views(stored)
    before = await views.of(ALICE)
    views.resolved(ROOM, 9)

    assert before.concerned_since(EVENTS_KEY, 8)
    assert await views.of(ALICE) is not before
    assert list(views.in_room(ROOM)) == [await views.of(ALICE)]


async def test_whether_there_is_news_is_known_only_since_the_user_is() -> None:
    views = _views(Stored())
    view = await views.of(ALICE)
    view.touch(EVENTS_KEY, 12)

    assert view.concerned_since(EVENTS_KEY, 3) is None
    assert view.concerned_since(EVENTS_KEY, 11) is True
    assert view.concerned_since(EVENTS_KEY, 12) is False


async def test_users_who_ask_nothing_any_more_are_forgotten() -> None:
    stored = Stored()
    views = _views(stored)
    await views.of(ALICE)
    stored.now += IDLE_SECONDS + 1
    await views.of(BOB)

    assert views.known(ALICE) is None
    assert {view.user_id for view in views.in_room(ROOM)} == {BOB}


async def test_a_resolution_while_a_user_is_being_read_has_them_read_again() -> None:
    stored = Stored()
    views = _views(stored)
    stored.meanwhile = lambda: views.resolved(ROOM, 8)

    view = await views.of(ALICE)

    assert (stored.reads, view.stale) == (2, False)
