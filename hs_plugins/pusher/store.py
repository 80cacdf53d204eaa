"""Every SQL statement of the pusher plugin's tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from hs_core.cluster.placement import slot_of
from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.notifications.api import Since
from hs_plugins.pusher.rows import PushersRow
from hs_plugins.pusher.values import Progress, Pusher, PusherSettings

_ROWS = "SELECT position, user_id FROM pusher_users WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
_LOCK = """
    INSERT INTO pusher_users (user_id, position) VALUES (?, 0)
    ON CONFLICT (user_id) DO UPDATE SET position = pusher_users.position
"""
_CHANGED = "UPDATE pusher_users SET position = ? WHERE user_id = ?"

_SETTINGS: Final = PusherSettings.__struct_fields__
_PROGRESS: Final = ("position", "event_position", "badge", "failures", "failing_since", "retry_ts", "refusals")
_SELECT = f"SELECT pusher_id, user_id, device_id, set_ts, {', '.join((*_SETTINGS, *_PROGRESS))} FROM pushers"
_ONE = _SELECT + " WHERE pusher_id = ?"
_OF_USERS = _SELECT + " WHERE user_id = ANY(?) ORDER BY user_id, pusher_id"
_OF_SLOTS = _SELECT + " WHERE slot = ANY(?) AND pusher_id > ? ORDER BY pusher_id LIMIT ?"
_HAVING = "SELECT DISTINCT user_id FROM pushers WHERE app_id = ? AND pushkey = ? AND user_id <> ? LIMIT ?"
_INSERT_COLUMNS: Final = ("user_id", "slot", "device_id", "set_ts", *_SETTINGS, *_PROGRESS)
_REPLACED: Final = ("device_id", "set_ts", "failures", "failing_since", "retry_ts", "refusals", *_SETTINGS[2:])
_OR_REPLACE = "ON CONFLICT (user_id, app_id, pushkey) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in _REPLACED
)
_PRUNE = """
    DELETE FROM pushers WHERE pusher_id IN (
        SELECT pusher_id FROM pushers WHERE user_id = ? ORDER BY set_ts DESC, pusher_id DESC LIMIT 100 OFFSET ?
    )
"""
_REMOVE = "DELETE FROM pushers WHERE user_id = ? AND app_id = ? AND pushkey = ?"
_REMOVE_ONE = "DELETE FROM pushers WHERE pusher_id = ?"
_FORGET_DEVICES = "DELETE FROM pushers WHERE (user_id, device_id) IN (VALUES {devices})"
_FORGET_WITHOUT_DEVICE = "DELETE FROM pushers WHERE user_id = ANY(?) AND device_id IS NULL"
_ERASE = "DELETE FROM pushers WHERE user_id = ?"
_ERASE_USER = "DELETE FROM pusher_users WHERE user_id = ?"
_SAVE = f"UPDATE pushers SET {', '.join(f'{column} = ?' for column in _PROGRESS)} WHERE pusher_id = ?"
_KNOWN = "SELECT pusher_id FROM pushers WHERE pusher_id = ANY(?)"
_AT_ONCE: Final = (50, 10, 1)


def load_rows(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, PushersRow]]:
    """Rows of the stream, for followers that missed them."""
    return [(position, PushersRow(user)) for position, user in tx.all(_ROWS, (after, up_to, limit))]


def lock_user(tx: Transaction, user: UserId) -> None:
    """Nobody else changes the pushers of the user until the end of the transaction."""
    tx.run(_LOCK, (user,))


def changed(tx: Transaction, user: UserId, position: int) -> None:
    """After `lock_user`: note when that was."""
    tx.run(_CHANGED, (position, user))


def one(tx: Transaction, pusher_id: int) -> Pusher | None:
    """A pusher as it is now."""
    row = tx.one(_ONE, (pusher_id,))
    return None if row is None else _pusher(row)


def of_users(tx: Transaction, users: Collection[UserId]) -> list[Pusher]:
    """All pushers of some users, those of each in the order in which they were made."""
    return [_pusher(row) for row in tx.all(_OF_USERS, (list(users),))]


def of_slots(tx: Transaction, slots: Collection[int], after: int, limit: int) -> list[Pusher]:
    """The pushers of all users of some slots, by ID, after one."""
    return [_pusher(row) for row in tx.all(_OF_SLOTS, (list(slots), after, limit))]


def others_having(tx: Transaction, app_id: str, pushkey: str, but: UserId, limit: int) -> list[UserId]:
    """Other users who have a pusher with this app ID and pushkey."""
    return [user for (user,) in tx.all(_HAVING, (app_id, pushkey, but, limit))]


def put(
    tx: Transaction, user: UserId, device: DeviceId | None, settings: PusherSettings, ts: int, *, begin: Progress
) -> None:
    """Add a pusher, which has been told all up to `begin`; one that is there goes on from where it is."""
    values = [getattr(settings, name) for name in _SETTINGS]
    row = (user, user_slot(user), device, ts, *values, *_columns(begin))
    tx.insert_many("pushers", _INSERT_COLUMNS, [row], _OR_REPLACE)


def prune(tx: Transaction, user: UserId, keep: int) -> None:
    """Remove all pushers of a user but those that were set last."""
    tx.run(_PRUNE, (user, keep))


def remove(tx: Transaction, user: UserId, app_id: str, pushkey: str) -> bool:
    """Whether there was one."""
    return tx.run(_REMOVE, (user, app_id, pushkey)) > 0


def remove_one(tx: Transaction, pusher_id: int) -> None:
    """A pusher is no more."""
    tx.run(_REMOVE_ONE, (pusher_id,))


def forget_devices(tx: Transaction, devices: Collection[tuple[UserId, DeviceId]]) -> None:
    """Remove the pushers that these devices have set."""
    left = list(devices)
    for count in _AT_ONCE:
        while len(left) >= count:
            sql = _FORGET_DEVICES.format(devices=", ".join(["(?, ?)"] * count))
            tx.run(sql, [part for device in left[:count] for part in device])
            del left[:count]


def forget_without_device(tx: Transaction, users: Collection[UserId]) -> None:
    """Remove the pushers of these users that no device has set."""
    tx.run(_FORGET_WITHOUT_DEVICE, (list(users),))


def erase(tx: Transaction, user: UserId) -> None:
    """Forget all about a user."""
    tx.run(_ERASE, (user,))
    tx.run(_ERASE_USER, (user,))


def save(tx: Transaction, progress: Collection[tuple[int, Progress]]) -> set[int]:
    """How far pushers have been told by now. Returns those of them that there are still."""
    tx.run_many(_SAVE, [(*_columns(each), pusher_id) for pusher_id, each in progress])
    return {found for (found,) in tx.all(_KNOWN, ([pusher_id for pusher_id, _ in progress],))}


def user_slot(user: UserId) -> int:
    """The slot of a user in the stream `pushers`."""
    return slot_of(user, SLOTS)


SLOTS: Final = 64
"""Of the stream `pushers`; they are in the table."""


def _columns(progress: Progress) -> tuple[int, ...]:
    return (*progress.place, *(getattr(progress, name) for name in _PROGRESS[2:]))


def _pusher(row: Sequence[Any]) -> Pusher:
    pusher_id, user, device, set_ts, *rest = row
    settings = dict(zip(_SETTINGS, rest, strict=False))
    position, event_position, *progress = rest[len(_SETTINGS) :]
    return Pusher(
        pusher_id=pusher_id,
        user_id=user,
        device_id=device,
        set_ts=set_ts,
        settings=PusherSettings(**settings | {"data": bytes(settings["data"])}),
        progress=Progress(place=Since(position, event_position), **dict(zip(_PROGRESS[2:], progress, strict=True))),
    )
