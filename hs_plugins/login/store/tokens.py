"""Access, refresh and login tokens, by their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId


class TokenOwner(NamedTuple):
    """An access token, and the account that it is for."""

    token_id: int
    user_id: UserId
    device_id: DeviceId | None
    expires_ts: int | None
    unused: bool
    is_guest: bool
    is_admin: bool
    locked: bool
    suspended: bool


class RefreshToken(NamedTuple):
    refresh_id: int
    user_id: UserId
    device_id: DeviceId
    expires_ts: int | None


class NewAccess(NamedTuple):
    """An access token to be stored; by default one without an end."""

    token_hash: bytes
    user_id: UserId
    device_id: DeviceId
    created_ts: int
    expires_ts: int | None = None
    refresh_id: int | None = None
    unused: bool = False


class NewRefresh(NamedTuple):
    """A refresh token to be stored."""

    token_hash: bytes
    user_id: UserId
    device_id: DeviceId
    expires_ts: int | None
    replaces: int | None


class Revoked(NamedTuple):
    """An access token that is gone."""

    token_hash: bytes
    device_id: DeviceId | None


_OWNER = """
    SELECT t.token_id, t.user_id, t.device_id, t.expires_ts, t.unused, a.is_guest, a.is_admin, a.locked, a.suspended
    FROM access_tokens t JOIN accounts a ON a.user_id = t.user_id
    WHERE t.token_hash = ? AND NOT a.deactivated
"""
_HASHES = "SELECT token_hash FROM access_tokens WHERE user_id = ?"
_DEVICE = "SELECT device_id FROM access_tokens WHERE token_id = ? AND user_id = ?"
_ADD = """
    INSERT INTO access_tokens (token_hash, user_id, device_id, created_ts, expires_ts, refresh_id, unused)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_ADD_REFRESH = """
    INSERT INTO refresh_tokens (token_hash, user_id, device_id, expires_ts, replaces) VALUES (?, ?, ?, ?, ?)
    RETURNING refresh_id
"""
_REFRESH = """
    SELECT refresh_id, user_id, device_id, expires_ts FROM refresh_tokens WHERE token_hash = ? AND user_id = ?
"""
_USE = "UPDATE access_tokens SET unused = FALSE WHERE token_id = ? AND user_id = ? AND unused RETURNING refresh_id"
_REPLACED_BY = "SELECT replaces FROM refresh_tokens WHERE refresh_id = ? AND replaces IS NOT NULL"
_SUCCESSORS = "SELECT refresh_id FROM refresh_tokens WHERE replaces = ?"
_SETTLED = "UPDATE refresh_tokens SET replaces = NULL WHERE replaces = ?"
_DELETE_PAIR = "DELETE FROM access_tokens WHERE refresh_id = ? RETURNING token_hash, device_id"
_DELETE_REFRESH = "DELETE FROM refresh_tokens WHERE refresh_id = ?"
_DELETE_ONE = "DELETE FROM access_tokens WHERE token_id = ? AND user_id = ? RETURNING token_hash, device_id"
_DELETE_OF_DEVICES = """
    DELETE FROM access_tokens WHERE user_id = ? AND device_id = ANY(?) RETURNING token_hash, device_id
"""
_DELETE_REFRESH_OF_DEVICES = "DELETE FROM refresh_tokens WHERE user_id = ? AND device_id = ANY(?)"
_DELETE_OF_USER = "DELETE FROM access_tokens WHERE user_id = ? RETURNING token_hash, device_id"
_DELETE_REFRESH_OF_USER = "DELETE FROM refresh_tokens WHERE user_id = ?"
_DELETE_LOGIN_OF_USER = "DELETE FROM login_tokens WHERE user_id = ?"
_ADD_LOGIN = "INSERT INTO login_tokens (token_hash, user_id, expires_ts) VALUES (?, ?, ?)"
_SPEND_LOGIN = "DELETE FROM login_tokens WHERE token_hash = ? AND user_id = ? RETURNING expires_ts"
_OLD_LOGIN = "DELETE FROM login_tokens WHERE expires_ts < ?"


def owner(tx: Transaction, token_hash: bytes) -> TokenOwner | None:
    """Whose an access token is; expired ones are told as they are. None if the account is deactivated."""
    row = tx.one(_OWNER, (token_hash,))
    return None if row is None else TokenOwner(*row)


def hashes(tx: Transaction, user: UserId) -> tuple[bytes, ...]:
    """Of all access tokens of a user."""
    return tuple(token_hash for (token_hash,) in tx.all(_HASHES, (user,)))


def device_of(tx: Transaction, user: UserId, token_id: int) -> DeviceId | None:
    device: DeviceId | None = tx.value(_DEVICE, (token_id, user))
    return device


def add(tx: Transaction, token: NewAccess) -> None:
    tx.run(_ADD, token)


def add_refresh(tx: Transaction, token: NewRefresh) -> int:
    """The new refresh token's number."""
    return int(tx.value(_ADD_REFRESH, token) or 0)


def refresh_token(tx: Transaction, token_hash: bytes, user: UserId) -> RefreshToken | None:
    row = tx.one(_REFRESH, (token_hash, user))
    return None if row is None else RefreshToken(*row)


def use(tx: Transaction, user: UserId, token_id: int) -> list[Revoked]:
    """An access token that came from a refresh is used for the first time: what it replaced is gone."""
    refresh_id: int | None = tx.value(_USE, (token_id, user))
    return [] if refresh_id is None else settle(tx, refresh_id)


def settle(tx: Transaction, refresh_id: int) -> list[Revoked]:
    """The client has these tokens for sure: delete the refresh token that they were got with, and its access token."""
    replaced: int | None = tx.value(_REPLACED_BY, (refresh_id,))
    if replaced is None:
        return []
    tx.run(_SETTLED, (replaced,))
    return delete_pair(tx, replaced)


def delete_successors(tx: Transaction, refresh_id: int) -> list[Revoked]:
    """Delete tokens that were got with this refresh token, and never used: the client did not receive them."""
    return [gone for (successor,) in tx.all(_SUCCESSORS, (refresh_id,)) for gone in delete_pair(tx, successor)]


def delete_pair(tx: Transaction, refresh_id: int) -> list[Revoked]:
    """A refresh token and the access token that was handed out with it."""
    tx.run(_DELETE_REFRESH, (refresh_id,))
    return [Revoked(*row) for row in tx.all(_DELETE_PAIR, (refresh_id,))]


def delete_one(tx: Transaction, user: UserId, token_id: int) -> list[Revoked]:
    return [Revoked(*row) for row in tx.all(_DELETE_ONE, (token_id, user))]


def delete_of_devices(tx: Transaction, user: UserId, devices: Sequence[DeviceId]) -> list[Revoked]:
    """All access and refresh tokens of these devices."""
    tx.run(_DELETE_REFRESH_OF_DEVICES, (user, list(devices)))
    return [Revoked(*row) for row in tx.all(_DELETE_OF_DEVICES, (user, list(devices)))]


def delete_of_user(tx: Transaction, user: UserId) -> list[Revoked]:
    """Every token of a user, of every kind."""
    tx.run(_DELETE_REFRESH_OF_USER, (user,))
    tx.run(_DELETE_LOGIN_OF_USER, (user,))
    return [Revoked(*row) for row in tx.all(_DELETE_OF_USER, (user,))]


def add_login(tx: Transaction, token_hash: bytes, user: UserId, expires: int) -> None:
    tx.run(_ADD_LOGIN, (token_hash, user, expires))


def spend_login(tx: Transaction, token_hash: bytes, user: UserId, now: int) -> bool:
    """Use up a login token; whether it was good."""
    expires: int | None = tx.value(_SPEND_LOGIN, (token_hash, user))
    return expires is not None and expires > now


def delete_login_before(tx: Transaction, time: int) -> int:
    """Delete login tokens that expired before `time`."""
    return tx.run(_OLD_LOGIN, (time,))
