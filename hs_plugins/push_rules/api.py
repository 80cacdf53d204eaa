"""The door of the push rules plugin: change a user's rules, read them, hear of changes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.push_rules import Kind, Rule, Ruleset
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.push_rules.rows import PushRulesRow
from hs_plugins.push_rules.store import load_rows

__all__ = ["PUSH_RULES", "PUSH_RULES_READ", "PUSH_RULE_CHANGES", "PushRules", "PushRulesRead", "PushRulesRow"]

PUSH_RULE_CHANGES = Stream("push_rules", PushRulesRow, load=load_rows, shard_by=By.USER, slots=64)


class PushRules(Protocol):
    """Calls run in the process that owns their first argument, a local user.

    They raise what `Ruleset` raises, and MatrixError, 413 `M_TOO_LARGE`, if all rules together would be too large.
    """

    async def put(
        self, user_id: UserId, kind: Kind, rule: Rule, before: str | None = None, after: str | None = None
    ) -> None:
        """Add a rule, or change the one of that ID; see `Ruleset.put`."""

    async def delete(self, user_id: UserId, kind: Kind, rule_id: str) -> None:
        """Remove one of the user's own rules."""

    async def set_enabled(self, user_id: UserId, kind: Kind, rule_id: str, enabled: bool) -> None:
        """Switch a rule on or off."""

    async def set_actions(self, user_id: UserId, kind: Kind, rule_id: str, actions: tuple[Any, ...]) -> None:
        """Change what a rule does, to `parse_actions` of a request."""

    async def copy_room(self, user_id: UserId, old: RoomId, new: RoomId) -> None:
        """Let the user's rules for a room be those for the room that replaces it, unless it has rules already."""

    async def erase(self, user_id: UserId) -> None:
        """Forget the rules of a user who is no more."""


class PushRulesRead(Protocol):
    """The rules of local users, in any process."""

    async def of(self, user_id: UserId) -> Ruleset:
        """All rules of a user: the default ones, if they never changed any. From memory, if that was asked lately."""

    async def of_all(self, users: Collection[UserId]) -> dict[UserId, Ruleset]:
        """The same for many users, with one query for all who have not been asked about lately."""


PUSH_RULES = Service[PushRules]("push_rules", owner=PUSH_RULE_CHANGES)
PUSH_RULES_READ = ReadSide[PushRulesRead]("push_rules")
