"""Background work: what is over is deleted."""

from __future__ import annotations

from datetime import timedelta

from hs_core.db import Transaction
from hs_plugins.login.config import milliseconds
from hs_plugins.login.role import LoginRole
from hs_plugins.login.store import changes, registration, sessions, tokens

KEPT = timedelta(days=1)
"""How long a follower of the stream `accounts` may be away and still learn of every row; caches forget sooner."""


async def forget_expired(role: LoginRole) -> None:
    """Sessions, login tokens and nonces that have expired, and rows of the stream that everybody has seen."""
    now = role.clock.now_ms()

    def forget(tx: Transaction) -> None:
        sessions.delete_before(tx, now)
        tokens.delete_login_before(tx, now)
        registration.delete_nonces_before(tx, now)
        changes.delete_rows_before(tx, now - milliseconds(KEPT))

    await role.db.write(forget)


async def leave_rooms(role: LoginRole) -> None:
    """Those that were not left yet: another process may have died at it, or a room refused for a while."""
    await role.lifecycle.leave_rooms()
