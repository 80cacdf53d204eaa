"""What follows for the index from what happens elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hs_core.core import Core
from hs_core.db import Database
from hs_core.matrix.identifiers import EventId
from hs_core.plugin.hookspecs import hookimpl
from hs_plugins.search import store


@dataclass(frozen=True)
class SearchHooks:
    db: Database

    @classmethod
    def make(cls, core: Core) -> SearchHooks:
        return cls(core.db)

    @hookimpl
    async def history_purged(self, events: Sequence[EventId]) -> None:
        """What is purged is not kept here either."""
        await self.db.write(lambda tx: store.remove(tx, events))
