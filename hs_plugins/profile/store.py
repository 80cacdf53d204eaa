"""Every SQL statement of the profile plugin's tables."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from hs_core.db import Transaction
from hs_core.matrix.canonical_json import encode_json
from hs_core.matrix.identifiers import UserId
from hs_plugins.profile.rows import ProfileRow

Fields = dict[str, Any]

_ROWS = "SELECT position, user_id, fields FROM profiles WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_MANY = "SELECT user_id, fields FROM profiles WHERE user_id = ANY(?)"
_ONE = "SELECT fields FROM profiles WHERE user_id = ? FOR UPDATE"
_PUT = """
    INSERT INTO profiles (user_id, fields, position) VALUES (?, ?, ?)
    ON CONFLICT (user_id) DO UPDATE SET fields = excluded.fields, position = excluded.position
"""
_PROPAGATE = """
    INSERT INTO profile_propagations (user_id, version) VALUES (?, 1)
    ON CONFLICT (user_id) DO UPDATE SET version = profile_propagations.version + 1
"""
_CLAIM = """
    UPDATE profile_propagations SET busy_until = ? WHERE user_id = ? AND busy_until < ? RETURNING user_id, version
"""
_CLAIM_ANY = """
    UPDATE profile_propagations SET busy_until = ? WHERE user_id = (
        SELECT user_id FROM profile_propagations WHERE busy_until < ? ORDER BY busy_until, user_id LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) RETURNING user_id, version
"""
_DONE = "DELETE FROM profile_propagations WHERE user_id = ? AND version = ?"
_RELEASE = "UPDATE profile_propagations SET busy_until = 0 WHERE user_id = ?"


class Propagation(NamedTuple):
    """A user whose rooms are to be told, and the change up to which they are."""

    user_id: UserId
    version: int


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, ProfileRow]]:
    """Rows of the stream, for followers that missed them."""
    return [
        (position, row_of(user_id, orjson.loads(fields)))
        for position, user_id, fields in tx.all(_ROWS, (after, up_to, limit))
    ]


def row_of(user: UserId, fields: Fields) -> ProfileRow:
    return ProfileRow(user, fields.get("displayname"), fields.get("avatar_url"))


def profiles(tx: Transaction, users: Collection[UserId]) -> dict[UserId, Fields]:
    """Of those of the users who have ever set anything."""
    return {user: orjson.loads(fields) for user, fields in tx.all(_MANY, (list(users),))}


def fields_for_change(tx: Transaction, user: UserId) -> Fields:
    """What the profile says, until the end of the transaction."""
    fields: bytes | None = tx.value(_ONE, (user,))
    return {} if fields is None else orjson.loads(fields)


def put(tx: Transaction, user: UserId, fields: Fields, position: int) -> None:
    tx.run(_PUT, (user, encode_json(fields), position))


def propagate(tx: Transaction, user: UserId) -> None:
    """The user's rooms are to be told."""
    tx.run(_PROPAGATE, (user,))


def claim(tx: Transaction, user: UserId | None, now: int, until: int) -> Propagation | None:
    """Take on a user, or anybody, whom nobody else is busy with; nobody else will be until `until`."""
    row = tx.one(_CLAIM_ANY, (until, now)) if user is None else tx.one(_CLAIM, (until, user, now))
    return None if row is None else Propagation(*row)


def done(tx: Transaction, propagation: Propagation) -> bool:
    """False if the profile has changed in the meantime: the user is released, to be taken on again."""
    if tx.run(_DONE, propagation) > 0:
        return True
    tx.run(_RELEASE, (propagation.user_id,))
    return False
