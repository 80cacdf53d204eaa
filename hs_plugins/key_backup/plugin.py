"""The key backup role: encrypted copies of room keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_core.plugin import By, Migrations, Plugin, RateClass, Route
from hs_core.plugin.hookspecs import hookimpl
from hs_core.plugin.paths import CLIENT_R0
from hs_plugins.key_backup import handlers, store

VERSION = CLIENT_R0 + "/room_keys/version"
ONE_VERSION = VERSION + "/(?P<version>[^/]+)"
KEYS = CLIENT_R0 + "/room_keys/keys"
ROOM = KEYS + "/(?P<room_id>[^/]+)"
SESSION = ROOM + "/(?P<session_id>[^/]+)"
MAX_BODY = 4 * 1024 * 1024
"""Bytes: clients back up hundreds of sessions at once."""


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[Database]:
    """Whatever is asked is one transaction: there is nothing to own."""
    yield core.db


@dataclass(frozen=True)
class KeyBackupHooks:
    db: Database

    @classmethod
    def make(cls, core: Core) -> KeyBackupHooks:
        return cls(core.db)

    @hookimpl
    async def user_deactivated(self, user: UserId, erase: bool) -> None:
        """Nobody can ask for the backup any more."""
        await self.db.write(lambda tx: store.erase(tx, user))


plugin = Plugin(
    name="key_backup",
    requires=["login"],
    routes=[
        Route("POST", VERSION, handlers.post_version, affinity=By.USER, rate=RateClass.MESSAGE),
        Route("GET", VERSION, handlers.get_version, affinity=By.USER),
        Route("GET", ONE_VERSION, handlers.get_version, affinity=By.USER),
        Route("PUT", ONE_VERSION, handlers.put_version, affinity=By.USER, rate=RateClass.MESSAGE),
        Route("DELETE", ONE_VERSION, handlers.delete_version, affinity=By.USER, rate=RateClass.MESSAGE),
        *[
            route
            for path in (KEYS, ROOM, SESSION)
            for route in (
                Route("PUT", path, handlers.put_keys, affinity=By.USER, rate=RateClass.MESSAGE, max_body=MAX_BODY),
                Route("GET", path, handlers.get_keys, affinity=By.USER),
                Route("DELETE", path, handlers.delete_keys, affinity=By.USER, rate=RateClass.MESSAGE),
            )
        ],
    ],
    hooks=KeyBackupHooks.make,
    start=start,
    migrations=Migrations("hs_plugins.key_backup"),
)
