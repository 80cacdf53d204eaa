"""What each local user wants to be notified of: push rules, compiled, and whom they ignore."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hs_core.matrix.identifiers import UserId
from hs_core.matrix.push_rules import UNCHANGED_RULES, CompiledRuleset, compile_ruleset
from hs_core.streams.batch import Batch
from hs_plugins.account_data.api import IGNORED_USERS, AccountDataRead, AccountDataRow
from hs_plugins.push_rules.api import PushRulesRead, PushRulesRow

MAX_LISTENERS: Final = 200_000
READ_AT_ONCE: Final = 1_000
"""Users whose rules are read in one query."""


class Listener(NamedTuple):
    """One user."""

    rules: CompiledRuleset
    ignored: frozenset[UserId]


PLAIN: Final = Listener(UNCHANGED_RULES, frozenset())
"""Everybody who has not changed their rules, and ignores nobody."""


@dataclass
class Listeners:
    """Those in memory. Whoever changes anything is forgotten, and read again when they are needed."""

    push_rules: PushRulesRead
    account_data: AccountDataRead
    known: dict[UserId, Listener] = field(default_factory=dict)
    _changes: int = 0

    def rules_changed(self, batch: Batch[PushRulesRow]) -> None:
        """The next rows of the stream of push rules."""
        for _, row in batch.rows:
            self._forget(row.user_id)

    def account_data_changed(self, batch: Batch[AccountDataRow]) -> None:
        """The next rows of the stream of account data."""
        for _, row in batch.rows:
            if row.type == IGNORED_USERS and row.room_id is None:
                self._forget(row.user_id)

    async def load(self, users: Collection[UserId]) -> None:
        """Bring these users into memory."""
        if len(self.known) + len(users) > MAX_LISTENERS:
            self.known.clear()
        unknown = list(users)
        for start in range(0, len(unknown), READ_AT_ONCE):
            await self._load(unknown[start : start + READ_AT_ONCE])

    async def _load(self, users: Collection[UserId]) -> None:
        changes = -1
        while changes != self._changes:  # else what was read may be out of date already
            changes = self._changes
            rules = await self.push_rules.of_all(users)
            ignored = await self.account_data.ignored_by_all(users)
        for user in users:
            listener = Listener(compile_ruleset(rules[user]), ignored[user])
            self.known[user] = PLAIN if listener == PLAIN else listener

    def _forget(self, user: UserId) -> None:
        self._changes += 1
        self.known.pop(user, None)
