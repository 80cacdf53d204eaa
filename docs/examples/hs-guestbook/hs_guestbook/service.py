"""What happens, in the process that owns the book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.errors import InvalidParam, NotFound
from hs_core.matrix.identifiers import UserId
from hs_core.streams.writer import Log, Writer
from hs_guestbook import store
from hs_guestbook.api import ENTRIES, GUESTBOOKS, Guestbooks
from hs_guestbook.config import GuestbookConfig
from hs_guestbook.values import Entry
from hs_plugins.login.api import USERS, Users

FORGET_AT_ONCE = 1000
"""Entries deleted in one transaction, so that none takes long."""


@dataclass(frozen=True)
class GuestbookRole:
    """What runs where the plugin is active: it answers service calls, and handlers and tasks are given it."""

    config: GuestbookConfig
    clock: Clock
    db: Database
    users: Users
    entries: Writer[Entry]
    services: Services

    @classmethod
    @asynccontextmanager
    async def start(cls, core: Core) -> AsyncIterator[GuestbookRole]:
        """Says what the role needs of the core, for as long as it runs."""
        yield cls(
            config=core.section("guestbook", GuestbookConfig),
            clock=core.clock,
            db=core.db,
            users=core.read_sides[USERS],
            entries=core.writer(ENTRIES),
            services=core.services,
        )

    @property
    def books(self) -> Guestbooks:
        """All books, whichever process owns them: what a handler calls, for it runs in any process."""
        return self.services[GUESTBOOKS]

    async def sign(self, owner: UserId, author: UserId, text: str) -> int:
        """See `Guestbooks.sign`."""
        if len(text) > self.config.max_length:
            raise InvalidParam(f"An entry may have {self.config.max_length} characters")
        if owner not in await self.users.existing([owner]):
            raise NotFound("There is no such user here, and so no guestbook")
        entry = Entry(owner, author, text, self.clock.now_ms())

        def transaction(tx: Transaction, log: Log[Entry]) -> int:
            position = log.announce(entry)
            store.put(tx, position, entry)
            return position

        return await self.entries.write([owner], transaction)

    async def forget_old(self) -> None:
        """A turn of the task: it can stop anywhere, the next turn goes on."""
        before = self.clock.now_ms() - round(self.config.keep.total_seconds() * 1000)
        while await self.db.write(lambda tx: store.forget(tx, before, FORGET_AT_ONCE)) == FORGET_AT_ONCE:
            pass
