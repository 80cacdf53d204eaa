"""The calls of `PushRules`, in the process that owns the user."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from hs_core.cluster.calls import Services
from hs_core.core import Core
from hs_core.db import Database, Transaction
from hs_core.errors import TooLarge
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.push_rules import Kind, Rule, Ruleset
from hs_core.streams.writer import Log, Writer
from hs_plugins.push_rules import store
from hs_plugins.push_rules.api import PUSH_RULE_CHANGES, PUSH_RULES, PUSH_RULES_READ, PushRules, PushRulesRead
from hs_plugins.push_rules.reading import decode_rules
from hs_plugins.push_rules.replacing import with_room
from hs_plugins.push_rules.rows import PushRulesRow

MAX_BYTES: Final = 1024 * 1024
"""Of all rules of one user: every change shows all of them to all of the user's clients."""


@dataclass(frozen=True)
class PushRulesRole:
    """Implements the service `PUSH_RULES`, and is what the handlers are given."""

    writer: Writer[PushRulesRow]
    db: Database
    services: Services
    read: PushRulesRead

    @property
    def calls(self) -> PushRules:
        """To the process that owns the user."""
        return self.services[PUSH_RULES]

    async def put(
        self, user_id: UserId, kind: Kind, rule: Rule, before: str | None = None, after: str | None = None
    ) -> None:
        """See `PushRules.put`."""
        await self._change(user_id, lambda rules: rules.put(kind, rule, before=before, after=after))

    async def delete(self, user_id: UserId, kind: Kind, rule_id: str) -> None:
        """See `PushRules.delete`."""
        await self._change(user_id, lambda rules: rules.delete(kind, rule_id))

    async def set_enabled(self, user_id: UserId, kind: Kind, rule_id: str, enabled: bool) -> None:
        """See `PushRules.set_enabled`."""
        await self._change(user_id, lambda rules: rules.set_enabled(kind, rule_id, enabled))

    async def set_actions(self, user_id: UserId, kind: Kind, rule_id: str, actions: tuple[Any, ...]) -> None:
        """See `PushRules.set_actions`."""
        await self._change(user_id, lambda rules: rules.set_actions(kind, rule_id, actions))

    async def copy_room(self, user_id: UserId, old: RoomId, new: RoomId) -> None:
        """See `PushRules.copy_room`."""
        await self._change(user_id, lambda rules: with_room(rules, old, new))

    async def erase(self, user_id: UserId) -> None:
        """See `PushRules.erase`."""
        await self.db.write(lambda tx: store.erase(tx, user_id))

    async def _change(self, user: UserId, change: Callable[[Ruleset], Ruleset]) -> None:
        def work(tx: Transaction, log: Log[PushRulesRow]) -> None:
            before = store.rules_for_change(tx, user)
            after = msgspec.json.encode(change(decode_rules(before)))
            if after == before:
                return
            if len(after) > max(MAX_BYTES, len(before)):
                raise TooLarge(f"All push rules of a user together may have {MAX_BYTES} bytes")
            row = PushRulesRow(user, after)
            store.put(tx, row, log.announce(row))

        await self.writer.write([user], work)


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[PushRulesRole]:
    """Own push rules for as long as the context lasts."""
    yield PushRulesRole(core.writer(PUSH_RULE_CHANGES), core.db, core.services, core.read_sides[PUSH_RULES_READ])
