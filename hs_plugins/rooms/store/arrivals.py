"""What the database expects of events before they arrive."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from hs_core.db import Transaction
from hs_core.matrix.identifiers import EventId

_WAITING = "SELECT redacts, event_id FROM pending_redactions WHERE redacts = ANY(?) ORDER BY event_id LIMIT ?"
_PASSED = "SELECT DISTINCT missing FROM timeline_gaps WHERE missing = ANY(?)"

MAX_WAITING = 1000
"""Redactions of a few events that are looked at."""


@dataclass(slots=True)
class Expected:
    """What is known about events that are not."""

    redactions: dict[EventId, list[EventId]] = field(default_factory=dict)
    """Redactions that wait for them."""
    passed: set[EventId] = field(default_factory=set)
    """Those that come before an event of the timeline."""

    def learn(self, awaited: Iterable[tuple[EventId, EventId]], gaps: Iterable[tuple[EventId, EventId]]) -> None:
        """What is on its way to the database: pairs of (event, redaction), and of (event, one before it)."""
        for redacts, event_id in awaited:
            waiting = self.redactions.setdefault(redacts, [])
            if event_id not in waiting:
                waiting.append(event_id)
        self.passed.update(missing for _, missing in gaps)


def expected(tx: Transaction, event_ids: Collection[EventId]) -> Expected:
    """What is expected of these events."""
    about = Expected(passed={row[0] for row in tx.all(_PASSED, (list(event_ids),))})
    for redacts, event_id in tx.all(_WAITING, (list(event_ids), MAX_WAITING)):
        about.redactions.setdefault(redacts, []).append(event_id)
    return about
