"""Events and receipts of before, out of the streams' tables: for whoever takes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import UserId
from hs_core.streams.follower import Follower
from hs_plugins.notifications.evaluation import Evaluation, NotPrepared, Outcome
from hs_plugins.notifications.watch import prepared
from hs_plugins.receipts.api import RECEIPT_CHANGES, ReceiptRow
from hs_plugins.rooms.api import EVENTS, EventRow

EVENTS_AT_ONCE: Final = 500
RECEIPTS_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Replay:
    """Reads what this process has not heard of when it happened."""

    db: Database
    events: Follower[EventRow]
    clock: Clock
    evaluation: Callable[[], Evaluation]
    """A new one: rooms are gone through from their states at the time."""

    async def outcomes(
        self, evaluation: Evaluation, after: int, up_to: int, wanted: Callable[[UserId], bool]
    ) -> tuple[int, list[Outcome]]:
        """What the next events came to, and up to where they are all."""
        rows = await self.db.read(partial(_load_events, after=after, up_to=up_to))
        found: list[Outcome] = []

        for position, row in rows:

            def evaluate(position: int = position, row: EventRow = row) -> bool:
                try:
                    outcome = evaluation.outcome(position, row, wanted)
                except NotPrepared:
                    return False
                if outcome is not None:
                    found.append(outcome)
                return True

            if not evaluate():
                await prepared(evaluation, row, self.clock, evaluate)
        return (rows[-1][0] if len(rows) == EVENTS_AT_ONCE else up_to), found

    async def receipts(self, after: int, up_to: int) -> list[tuple[int, ReceiptRow]]:
        """Receipts that are still the newest of their kind."""
        found: list[tuple[int, ReceiptRow]] = []
        while after < up_to:
            rows = await self.db.read(partial(_load_receipts, after=after, up_to=up_to))
            found += rows
            after = rows[-1][0] if len(rows) == RECEIPTS_AT_ONCE else up_to
        return found

    async def reached(self, position: int) -> None:
        """Return when the events up to a position have come to this process."""
        await self.events.reached(position)


def _load_events(tx: Transaction, *, after: int, up_to: int) -> list[tuple[int, EventRow]]:
    return list(EVENTS.load(tx, after, up_to, EVENTS_AT_ONCE))


def _load_receipts(tx: Transaction, *, after: int, up_to: int) -> list[tuple[int, ReceiptRow]]:
    return list(RECEIPT_CHANGES.load(tx, after, up_to, RECEIPTS_AT_ONCE))
