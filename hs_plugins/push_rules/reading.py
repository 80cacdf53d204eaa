"""The read side of push rules: from memory while they do not change, else from the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from hs_core.cache import LRU
from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import UserId
from hs_core.matrix.push_rules import Ruleset
from hs_core.streams.batch import Batch
from hs_plugins.push_rules import store
from hs_plugins.push_rules.api import PUSH_RULE_CHANGES
from hs_plugins.push_rules.rows import PushRulesRow

REMEMBERED_RULES: Final = 200_000
"""Rules and changes of rules of all users together, who count as one each."""
REMEMBERED_CHANGES: Final = 20_000
"""Users of whom it is known when they changed their rules last."""

decode_rules = msgspec.json.Decoder(Ruleset).decode


class StoredPushRules:
    """`PushRulesRead` of one process."""

    def __init__(self, db: Database, horizon: int) -> None:
        self._db = db
        self._horizon = horizon
        self.cache: LRU[UserId, Ruleset] = LRU(REMEMBERED_RULES, _weight)
        self._changed: OrderedDict[UserId, int] = OrderedDict()
        self._changes = 0

    def receive(self, batch: Batch[PushRulesRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            self._changes += 1
            self.cache[row.user_id] = decode_rules(row.rules)
            self._changed[row.user_id] = position
            self._changed.move_to_end(row.user_id)
            if len(self._changed) > REMEMBERED_CHANGES:
                _, self._horizon = self._changed.popitem(last=False)

    async def of(self, user_id: UserId) -> Ruleset:
        known = self.cache.get(user_id)
        if known is not None:
            return known
        changes = self._changes
        rules = decode_rules((await self._stored(user_id)).rules)
        if changes == self._changes:  # else what was read may be out of date already
            self.cache[user_id] = rules
        return rules

    async def changed_since(self, user_id: UserId, position: int) -> bool:
        """Whether the user's rules were changed after a position of the stream."""
        if position >= self._horizon:
            return self._changed.get(user_id, 0) > position
        return (await self._stored(user_id)).position > position

    async def _stored(self, user_id: UserId) -> store.Stored:
        return await self._db.read(lambda tx: store.rules_of(tx, user_id))


def _weight(rules: Ruleset) -> int:
    own = rules.override, rules.content, rules.room, rules.sender, rules.underride
    return 1 + len(rules.changes) + sum(map(len, own))


@asynccontextmanager
async def open_push_rules(core: Core) -> AsyncIterator[StoredPushRules]:
    """Follows the changes."""
    follower = core.follower(PUSH_RULE_CHANGES)
    read = StoredPushRules(core.db, follower.position)
    core.caches["push_rules"] = read.cache
    follower.subscribe(read.receive)
    yield read
