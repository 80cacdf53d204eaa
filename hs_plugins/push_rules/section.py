"""The part of `/sync` that shows a user's push rules: "`m.push_rules`" among their account data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import msgspec

from hs_core.core import Core
from hs_core.plugin import Parts, Section, SectionEvent, Window
from hs_plugins.push_rules.api import PUSH_RULE_CHANGES, PUSH_RULES_READ
from hs_plugins.push_rules.reading import StoredPushRules

EVENT_TYPE: Final = "m.push_rules"


@dataclass(frozen=True)
class PushRulesSection:
    """Tells all rules, as soon as one has changed."""

    rules: StoredPushRules

    @classmethod
    def of(cls, core: Core) -> PushRulesSection:
        """That of one process."""
        return cls(cast(StoredPushRules, core.read_sides[PUSH_RULES_READ]))

    async def collect(self, window: Window) -> Parts | None:
        user = window.user_id
        if window.after is not None and not await self.rules.changed_since(user, window.after):
            return None
        newest = await self.rules.newest(user)
        event = msgspec.json.encode({"type": EVENT_TYPE, "content": {"global": newest.rules.to_json(user)}})
        # Rules that are ahead of this process: so is then the token, lest another process shows older ones after them.
        up_to = newest.position if newest.position > window.up_to else None
        return Parts(events={"account_data": [SectionEvent(EVENT_TYPE, None, event)]}, up_to=up_to)


SECTION = Section("pr", PUSH_RULE_CHANGES, concerns=lambda row: (row.user_id,), open=PushRulesSection.of)
