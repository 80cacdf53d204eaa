"""Every SQL statement of the search's tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import sha256
from typing import Final

from hs_core.db import Engine, Transaction
from hs_core.matrix.identifiers import EventId, RoomId
from hs_plugins.search.values import Stretch, Text, Wanted
from hs_plugins.search.words import Phrase

MOST_ROOMS: Final[dict[Engine, int]] = {"sqlite": 200, "postgresql": 10}
"""Of which the full text index is told; of more, each match is held against the list. To PostgreSQL it matters how many
matches all of the rooms have, however rare the words are."""

_COLUMNS = ("position", "event_id", "room_id", "sender", "key", "room", "words")
_FIND = {
    "sqlite": """
        SELECT t.position, t.event_id, t.room_id, t.sender, t.key, t.words
        FROM search_index i JOIN search_texts t ON t.position = i.rowid
        WHERE i.search_index MATCH ? AND i.rowid > ? AND i.rowid <= ? {} ORDER BY i.rowid DESC LIMIT ?
    """,
    "postgresql": """
        SELECT t.position, t.event_id, t.room_id, t.sender, t.key, t.words FROM search_texts t
        WHERE t.vector @@ CAST(? AS tsquery) AND t.position > ? AND t.position <= ? {}
        ORDER BY t.position DESC LIMIT ?
    """,
}
_IN_ROOMS = "AND t.room_id = ANY(?)"
_BY_SENDERS = "AND t.sender = ANY(?)"
_FIRST = "SELECT MIN(position) FROM search_texts"
_LAST = "SELECT MAX(position) FROM search_texts"
_REMOVE = "DELETE FROM search_texts WHERE event_id = ANY(?)"
_HISTORY = "SELECT position FROM search_history"
_HISTORY_DONE = "UPDATE search_history SET position = ? WHERE position > ?"

_DIGITS = str.maketrans("0123456789", "ghijklmnop")


def put(tx: Transaction, texts: Iterable[Text]) -> None:
    """Have texts found from now on. To put one twice changes nothing."""
    rows = [
        (
            text.position,
            text.event_id,
            text.room_id,
            text.sender,
            text.key,
            room_word(text.room_id),
            " ".join(text.words),
        )
        for text in texts
    ]
    tx.insert_many("search_texts", _COLUMNS, rows, "ON CONFLICT DO NOTHING")


def remove(tx: Transaction, event_ids: Collection[EventId]) -> None:
    """Forget what these events say."""
    if event_ids:
        tx.run(_REMOVE, (list(event_ids),))


def bounds(tx: Transaction) -> tuple[int, int] | None:
    """The lowest and the highest position of a text; `None` if there is no text."""
    first, last = tx.value(_FIRST), tx.value(_LAST)
    return None if first is None or last is None else (first, last)


def find(tx: Transaction, wanted: Wanted, stretch: Stretch, limit: int) -> list[Text]:
    """The newest texts in a stretch that have all the words, in the rooms and by the senders that are wanted.

    Whether the words of a phrase follow one another is left to be looked at: PostgreSQL has no positions of them.
    """
    few_rooms = len(wanted.rooms) <= MOST_ROOMS[tx.engine]
    rooms = wanted.rooms if few_rooms else ()
    query = (_fts5 if tx.engine == "sqlite" else _tsquery)(wanted.phrases, rooms)
    conditions: list[str] = []
    lists: list[list[str]] = []
    if not few_rooms:
        conditions.append(_IN_ROOMS)
        lists.append(list(wanted.rooms))
    if wanted.senders is not None:
        conditions.append(_BY_SENDERS)
        lists.append(list(wanted.senders))
    sql = _FIND[tx.engine].format(" ".join(conditions))
    rows = tx.all(sql, (query, stretch.after, stretch.up_to, *lists, limit))
    return [
        Text(position, event_id, room_id, sender, key, words.split())
        for position, event_id, room_id, sender, key, words in rows
    ]


def history_position(tx: Transaction) -> int:
    """Down to which position the history from other servers has been taken in."""
    return tx.value(_HISTORY) or 0


def history_done(tx: Transaction, position: int) -> None:
    """It has been, down to this one."""
    tx.run(_HISTORY_DONE, (position, position))


def room_word(room_id: RoomId) -> str:
    """The room as one word that no text has: letters, so that no engine cuts it."""
    return "room" + sha256(room_id.encode()).hexdigest()[:24].translate(_DIGITS)


def _fts5(phrases: Sequence[Phrase], rooms: Collection[RoomId]) -> str:
    """Full-text query syntax of SQLite. Words have no quotes in them."""
    query = f"words : ({' AND '.join(_quoted(phrase) for phrase in phrases)})"
    return f"{query} AND room : ({' OR '.join(map(room_word, sorted(rooms)))})" if rooms else query


def _tsquery(phrases: Sequence[Phrase], rooms: Collection[RoomId]) -> str:
    """Query syntax of PostgreSQL, without the order of words. Words have neither quotes nor backslashes in them."""
    query = " & ".join(f"'{word}'" for phrase in phrases for word in phrase)
    return f"{query} & ({' | '.join(map(room_word, sorted(rooms)))})" if rooms else query


def _quoted(phrase: Phrase) -> str:
    return f'"{" ".join(phrase)}"'
