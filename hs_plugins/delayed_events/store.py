"""Every SQL statement of the delayed events plugin's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_plugins.delayed_events.listing import Listing
from hs_plugins.delayed_events.values import Delayed

_COLUMNS: Final = Delayed.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM delayed_events"
_LOCK_USER = """
    INSERT INTO delayed_event_users (user_id) VALUES (?) ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id
"""
_SAME = _SELECT + " WHERE user_id = ? AND device_id = ? AND room_id = ? AND txn_id = ?"
_SCHEDULED = "SELECT COUNT(*), MIN(due_ts) FROM delayed_events WHERE user_id = ? AND outcome IS NULL"
_ONE = _SELECT + " WHERE delay_id = ?"
_ANY_DUE = "SELECT 1 FROM delayed_events WHERE outcome IS NULL AND due_ts <= ? AND claimed_until <= ? LIMIT 1"
_CLAIM_DUE = f"""
    UPDATE delayed_events SET claimed_until = ? WHERE outcome IS NULL AND claimed_until <= ? AND delay_id IN (
        SELECT delay_id FROM delayed_events WHERE outcome IS NULL AND due_ts <= ? AND claimed_until <= ?
        ORDER BY due_ts LIMIT ?
    )
    RETURNING {", ".join(_COLUMNS)}
"""
_CLAIM = "UPDATE delayed_events SET claimed_until = ? WHERE delay_id = ? AND outcome IS NULL"
_RESTART = """
    UPDATE delayed_events SET running_since = ?, due_ts = ? + delay_ms
    WHERE delay_id = ? AND outcome IS NULL AND claimed_until <= ?
"""
_CANCEL = """
    UPDATE delayed_events SET outcome = 'cancel', reason = 'action', finalised_ts = ?
    WHERE delay_id = ? AND outcome IS NULL AND claimed_until <= ?
"""
_FINALISE = """
    UPDATE delayed_events SET outcome = ?, reason = ?, finalised_ts = ?, event_id = ?, error = ?
    WHERE delay_id = ? AND outcome IS NULL
"""
_FORGET_OLDEST = """
    DELETE FROM delayed_events WHERE delay_id IN (
        SELECT delay_id FROM delayed_events WHERE user_id = ? AND outcome IS NOT NULL
        ORDER BY finalised_ts DESC, delay_id LIMIT 100 OFFSET ?
    )
"""
_FORGET_OLD = "DELETE FROM delayed_events WHERE outcome IS NOT NULL AND finalised_ts < ?"
_TIMES: Final = {
    "send_ts": "due_ts",
    "origin_server_ts": "COALESCE(finalised_ts, due_ts)",
    "running_since": "running_since",
}


def lock_user(tx: Transaction, user: UserId) -> None:
    """Nobody else schedules events of the user until the end of the transaction."""
    tx.run(_LOCK_USER, (user,))


def same(tx: Transaction, user: UserId, device: DeviceId | None, room: RoomId, txn_id: str) -> Delayed | None:
    """What the same transaction scheduled before."""
    return _one(tx.one(_SAME, (user, device, room, txn_id)))


def scheduled(tx: Transaction, user: UserId) -> tuple[int, int]:
    """How many events the user has scheduled, and when the first of them is due (0 if there is none)."""
    count, first = tx.all(_SCHEDULED, (user,))[0]
    return count, first or 0


def add(tx: Transaction, event: Delayed) -> None:
    """Schedule an event."""
    columns = (*_COLUMNS, "due_ts")
    tx.insert_many("delayed_events", columns, [(*(getattr(event, name) for name in _COLUMNS), event.due_ts)])


def one(tx: Transaction, delay_id: str) -> Delayed | None:
    """An event by its ID."""
    return _one(tx.one(_ONE, (delay_id,)))


def any_due(tx: Transaction, now: int) -> bool:
    """Whether the time of an event has come."""
    return tx.value(_ANY_DUE, (now, now)) is not None


def claim_due(tx: Transaction, now: int, until: int, limit: int) -> list[Delayed]:
    """Some of the events whose time has come: nobody else gets them until a time, unless they are finalised before."""
    return [_delayed(row) for row in tx.all(_CLAIM_DUE, (until, now, now, now, limit))]


def claim(tx: Transaction, delay_id: str, until: int) -> bool:
    """The same for one event, whether its time has come or not; with a time in the past, give it back.

    False if it is finalised.
    """
    return tx.run(_CLAIM, (until, delay_id)) > 0


def restart(tx: Transaction, delay_id: str, now: int) -> bool:
    """Begin the delay again; false if the event is finalised or being sent, or if there is none."""
    return tx.run(_RESTART, (now, now, delay_id, now)) > 0


def cancel(tx: Transaction, delay_id: str, now: int) -> bool:
    """Never send it; false as for `restart`."""
    return tx.run(_CANCEL, (now, delay_id, now)) > 0


def finalise(tx: Transaction, event: Delayed, reason: str, keep: int) -> None:
    """Note an event's outcome, and forget finalised events of the user but for the newest `keep`."""
    told = (event.outcome, reason, event.finalised_ts, event.event_id, event.error, event.delay_id)
    tx.run(_FINALISE, told)
    tx.run(_FORGET_OLDEST, (event.user_id, keep))


def forget_finalised(tx: Transaction, before: int) -> None:
    """Events that were finalised before a time."""
    tx.run(_FORGET_OLD, (before,))


def erase(tx: Transaction, user: UserId) -> None:
    """Everything of a user who is no more."""
    for table in ("delayed_events", "delayed_event_users"):
        tx.run(f"DELETE FROM {table} WHERE user_id = ?", (user,))


def listed(tx: Transaction, user: UserId, listing: Listing, limit: int) -> list[tuple[int, Delayed]]:
    """A page of the user's events, each with the time by which they are in order."""
    time = _TIMES[listing.order_by]
    conditions = ["user_id = ?", *(f"{column} = ?" for column in listing.equal)]
    if listing.scheduled is not None:
        conditions.append(f"outcome IS {'NULL' if listing.scheduled else 'NOT NULL'}")
    after, way = ("<", "DESC") if listing.backwards else (">", "ASC")
    sql = f"""
        SELECT {time}, {", ".join(_COLUMNS)} FROM delayed_events
        WHERE {" AND ".join(conditions)} AND ({time}, delay_id) {after} (?, ?)
        ORDER BY {time} {way}, delay_id {way} LIMIT ?
    """
    return [(row[0], _delayed(row[1:])) for row in tx.all(sql, (user, *listing.equal.values(), *listing.start, limit))]


def _one(row: Sequence[Any] | None) -> Delayed | None:
    return None if row is None else _delayed(row)


def _delayed(row: Sequence[Any]) -> Delayed:
    named = dict(zip(_COLUMNS, row, strict=True))
    error = named["error"]
    return Delayed(**named | {"content": bytes(named["content"]), "error": None if error is None else bytes(error)})
