"""The read side of push rules: from memory while they do not change, else from the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

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


class Rules(NamedTuple):
    """A user's rules, and the position of the stream at which they became so."""

    rules: Ruleset
    position: int


_NEVER_CHANGED: Final = Rules(Ruleset(), 0)


class StoredPushRules:
    """`PushRulesRead` of one process."""

    def __init__(self, db: Database, horizon: int) -> None:
        self._db = db
        self._horizon = horizon
        self.cache: LRU[UserId, Rules] = LRU(REMEMBERED_RULES, _weight)
        self._changed: OrderedDict[UserId, int] = OrderedDict()
        self._changes = 0

    def receive(self, batch: Batch[PushRulesRow]) -> None:
        """The next rows of the stream."""
        for position, row in batch.rows:
            self._changes += 1
            known = self.cache.get(row.user_id)
            if known is None or known.position < position:  # what was read from the database may be ahead
                self.cache[row.user_id] = Rules(decode_rules(row.rules), position)
            self._changed[row.user_id] = position
            self._changed.move_to_end(row.user_id)
            if len(self._changed) > REMEMBERED_CHANGES:
                _, self._horizon = self._changed.popitem(last=False)

    async def of(self, user_id: UserId) -> Ruleset:
        return (await self.newest(user_id)).rules

    async def newest(self, user_id: UserId) -> Rules:
        """The user's rules, which may be of a later position than this process has come to."""
        known = self.cache.get(user_id)
        if known is not None:
            return known
        changes = self._changes
        stored = await self._stored(user_id)
        rules = Rules(decode_rules(stored.rules), stored.position)
        if changes == self._changes:  # else what was read may be out of date already
            self.cache[user_id] = rules
        return rules

    async def of_all(self, users: Collection[UserId]) -> dict[UserId, Ruleset]:
        known = {user: rules for user in users if (rules := self.cache.get(user)) is not None}
        unknown = [user for user in users if user not in known]
        if unknown:
            changes = self._changes
            found = await self._db.read(lambda tx: store.rules_of_many(tx, unknown))
            for user in unknown:
                stored = found.get(user)
                known[user] = _NEVER_CHANGED if stored is None else Rules(decode_rules(stored.rules), stored.position)
                if changes == self._changes:
                    self.cache[user] = known[user]
        return {user: each.rules for user, each in known.items()}

    async def changed_since(self, user_id: UserId, position: int) -> bool:
        """Whether the user's rules were changed after a position of the stream."""
        if position >= self._horizon:
            return self._changed.get(user_id, 0) > position
        return (await self._stored(user_id)).position > position

    async def _stored(self, user_id: UserId) -> store.Stored:
        return await self._db.read(lambda tx: store.rules_of(tx, user_id))


def _weight(known: Rules) -> int:
    rules = known.rules
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
