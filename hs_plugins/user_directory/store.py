"""Every SQL statement of the user directory's tables, but for the search itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import RoomId, UserId
from hs_plugins.rooms.api import StateRoot
from hs_plugins.user_directory.terms import terms_of

UNFINISHED: Final = StateRoot(b"")
"""In the place of a room's state, while its members are being taken in for the first time."""

_KNOWN = """
    SELECT user_id, display_name, avatar_url, from_public, deactivated FROM user_directory_users
    WHERE user_id = ANY(?) ORDER BY user_id FOR UPDATE
"""
_PUT = """
    INSERT INTO user_directory_users (user_id, display_name, avatar_url, is_local, from_public) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (user_id) DO UPDATE SET display_name = excluded.display_name, avatar_url = excluded.avatar_url,
        from_public = excluded.from_public
"""
_MEET = """
    INSERT INTO user_directory_users (user_id, is_local) VALUES (?, TRUE) ON CONFLICT (user_id) DO NOTHING
"""
_DEACTIVATE = """
    INSERT INTO user_directory_users (user_id, is_local, deactivated) VALUES (?, TRUE, TRUE)
    ON CONFLICT (user_id) DO UPDATE SET deactivated = TRUE, display_name = NULL, avatar_url = NULL
"""
_FORGET = """
    DELETE FROM user_directory_users WHERE user_id = ANY(?) AND NOT is_local AND NOT EXISTS (
        SELECT 1 FROM user_directory_members m WHERE m.user_id = user_directory_users.user_id
    ) RETURNING user_id
"""
_FORGET_TERMS = "DELETE FROM user_directory_terms WHERE user_id = ANY(?)"

_STATES = "SELECT room_id, state FROM user_directory_rooms WHERE room_id = ANY(?)"
_PUT_ROOM = """
    INSERT INTO user_directory_rooms (room_id, state, is_public) VALUES (?, ?, ?)
    ON CONFLICT (room_id) DO UPDATE SET state = excluded.state, is_public = excluded.is_public
"""
_BEGIN_ROOM = """
    INSERT INTO user_directory_rooms (room_id, state, is_public) VALUES (?, ?, FALSE)
    ON CONFLICT (room_id) DO UPDATE SET state = excluded.state
"""
_HAS_LOCAL_MEMBER = "SELECT 1 FROM user_directory_members WHERE room_id = ? AND is_local LIMIT 1"
_LEAVE = "DELETE FROM user_directory_members WHERE room_id = ? AND user_id = ANY(?)"
_LEAVE_ALL = "DELETE FROM user_directory_members WHERE room_id = ?"

_ACCOUNTS = "SELECT after, done FROM user_directory_accounts"
_ACCOUNTS_DONE = "UPDATE user_directory_accounts SET after = ?, done = ?"


class Person(NamedTuple):
    """What a profile, or a member event, says of somebody."""

    user_id: UserId
    display_name: str | None
    avatar_url: str | None
    from_public: bool = False
    """Of another server: whether it is from a public room."""


def put(tx: Transaction, people: Collection[Person], *, local: bool) -> None:
    """Write what is said of people, all local or all of other servers.

    What somebody of another server is called in a room that is not public does not replace what they are called in one
    that is: the one is for its members.
    """
    by_id = {person.user_id: person for person in people}
    rows = tx.all(_KNOWN, (list(by_id),))
    known = {row[0]: Person(row[0], row[1], row[2], row[3]) for row in rows}
    gone = {row[0] for row in rows if row[4]}
    wanted = [person for user, person in sorted(by_id.items()) if user not in gone]
    changed = [person for person in wanted if _replaces(person, known.get(person.user_id))]
    for person in changed:
        tx.run(_PUT, (person.user_id, person.display_name, person.avatar_url, local, person.from_public))
    renamed = [each for each in changed if _name(known.get(each.user_id)) != (each.display_name,)]
    _put_terms(tx, renamed)


def meet(tx: Transaction, users: Collection[UserId]) -> None:
    """Know local users, whose names are in their profiles."""
    new = [Person(user, None, None) for user in sorted(users) if tx.run(_MEET, (user,))]
    _add_terms(tx, new)


def deactivate(tx: Transaction, users: Collection[UserId]) -> None:
    """Never show these local users again."""
    tx.run_many(_DEACTIVATE, [(user,) for user in sorted(users)])
    tx.run(_FORGET_TERMS, (list(users),))


def states(tx: Transaction, room_ids: Collection[RoomId]) -> dict[RoomId, StateRoot]:
    """The states that the members of these rooms were taken from."""
    return dict(tx.all(_STATES, (list(room_ids),)))


def begin_room(tx: Transaction, room_id: RoomId) -> None:
    """Begin to take in a room's members from nothing."""
    tx.run(_BEGIN_ROOM, (room_id, UNFINISHED))
    tx.run(_LEAVE_ALL, (room_id,))


def join(tx: Transaction, room_id: RoomId, users: Collection[UserId], *, local: bool) -> None:
    """These are members now, all local or all of other servers."""
    rows = [(room_id, user, local) for user in users]
    tx.insert_many("user_directory_members", ("room_id", "user_id", "is_local"), rows, "ON CONFLICT DO NOTHING")


def leave(tx: Transaction, room_id: RoomId, users: Collection[UserId]) -> None:
    """These are not; who is in no room any more, and not of this server, is forgotten."""
    if users:
        tx.run(_LEAVE, (room_id, list(users)))
        gone = [row[0] for row in tx.all(_FORGET, (list(users),))]
        tx.run(_FORGET_TERMS, (gone,))


def finish_room(tx: Transaction, room_id: RoomId, state: StateRoot, *, is_public: bool) -> None:
    """The members are those of this state. A room that nobody of this server is in is not public any more: of it
    nothing more is known.
    """
    here = tx.one(_HAS_LOCAL_MEMBER, (room_id,)) is not None
    tx.run(_PUT_ROOM, (room_id, state, is_public and here))


def accounts_after(tx: Transaction) -> UserId | None:
    """The account up to which those have been taken in that were there before the plugin; `None` if all have been."""
    row = tx.one(_ACCOUNTS)
    return None if row is None or row[1] else row[0]


def accounts_done(tx: Transaction, after: UserId, *, all_of_them: bool) -> None:
    """Accounts up to this one have been taken in."""
    tx.run(_ACCOUNTS_DONE, (after, all_of_them))


def _replaces(new: Person, old: Person | None) -> bool:
    return old is None or (new != old and (new.from_public or not old.from_public))


def _name(person: Person | None) -> tuple[str | None, ...]:
    return () if person is None else (person.display_name,)


def _put_terms(tx: Transaction, people: Sequence[Person]) -> None:
    if people:
        tx.run(_FORGET_TERMS, ([person.user_id for person in people],))
        _add_terms(tx, people)


def _add_terms(tx: Transaction, people: Sequence[Person]) -> None:
    terms = [(term, each.user_id) for each in people for term in sorted(terms_of(each.user_id, each.display_name))]
    tx.insert_many("user_directory_terms", ("term", "user_id"), terms, "ON CONFLICT DO NOTHING")
