"""The search: users who have a term for each word that was typed, and whom the searcher may find.

Whom one may find is looked up in the tables of members as they are now, so nothing has to be kept true for each pair
of users. The work of one search is bounded: terms are looked at in their order, up to `MOST_TERMS`; where that is not
all of them, for a word as short as that begins half of all names, those whom the searcher meets in rooms are looked at
besides, up to `MOST_NEIGHBOURS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import UserId

MOST_TERMS: Final = 2_000
MOST_NEIGHBOURS: Final = 5_000
MOST_FOUND: Final = 200
"""Rows out of which the best are chosen."""

_END: Final = "\U0010ffff"
"""Comes after whatever else a term may go on with."""

_TERMS: Final = """
    SELECT user_id, term FROM user_directory_terms WHERE term >= ? AND term < ? ORDER BY term, user_id LIMIT ?
"""
_NEIGHBOURS: Final = """
    SELECT t.user_id, t.term FROM (
        SELECT theirs.user_id FROM user_directory_members mine
        JOIN user_directory_members theirs ON theirs.room_id = mine.room_id WHERE mine.user_id = ? LIMIT ?
    ) n JOIN user_directory_terms t ON t.user_id = n.user_id WHERE t.term >= ? AND t.term < ?
"""
_COUNT: Final = f"SELECT COUNT(*) FROM ({_TERMS}) t"
_ANOTHER_WORD: Final = """
    AND EXISTS (SELECT 1 FROM user_directory_terms o WHERE o.user_id = t.user_id AND o.term >= ? AND o.term < ?)
"""
_MAY_BE_FOUND: Final = """
    AND (EXISTS (
        SELECT 1 FROM user_directory_members m JOIN user_directory_rooms r ON r.room_id = m.room_id
        WHERE m.user_id = t.user_id AND r.is_public
    ) OR EXISTS (
        SELECT 1 FROM user_directory_members mine
        JOIN user_directory_members theirs ON theirs.room_id = mine.room_id AND theirs.user_id = t.user_id
        WHERE mine.user_id = ?
    ))
"""


class Found(NamedTuple):
    """A user whom somebody may find."""

    user_id: UserId
    display_name: str | None
    avatar_url: str | None


def search(tx: Transaction, searcher: UserId, words: Sequence[str], *, everybody: bool) -> list[Found]:
    """Up to `MOST_FOUND` users who have terms that begin with the words, of which the longest is the first: by what
    their terms go on with.

    `everybody`: whether the searcher may find all users.
    """
    first, *others = words
    sql = _search(_TERMS, len(others), everybody)
    wheres = [bound for word in others for bound in _range(word)]
    params = [*_range(first), MOST_TERMS, *wheres, *(() if everybody else (searcher,)), MOST_FOUND]
    found = [Found(*row) for row in tx.all(sql, params)]
    if not everybody and len(found) < MOST_FOUND and _are_more(tx, first):
        sql = _search(_NEIGHBOURS, len(others), everybody=True)
        params = [searcher, MOST_NEIGHBOURS, *_range(first), *wheres, MOST_FOUND]
        found += [Found(*row) for row in tx.all(sql, params)]
    return list(dict.fromkeys(found))


def _are_more(tx: Transaction, word: str) -> bool:
    """Whether more terms begin with a word than are looked at."""
    return (tx.value(_COUNT, (*_range(word), MOST_TERMS)) or 0) == MOST_TERMS


def _range(word: str) -> tuple[str, str]:
    return word, word + _END


@lru_cache
def _search(source: str, others: int, everybody: bool) -> str:
    return f"""
        SELECT t.user_id, u.display_name, u.avatar_url
        FROM ({source}) t JOIN user_directory_users u ON u.user_id = t.user_id
        WHERE NOT u.deactivated {_ANOTHER_WORD * others} {"" if everybody else _MAY_BE_FOUND}
        ORDER BY t.term, t.user_id LIMIT ?
    """
