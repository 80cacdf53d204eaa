"""Every SQL statement of the table of application services."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hs_core.db import Transaction

_FIND = "SELECT position, receipts, txn_id, body FROM appservices WHERE id = ?"
_BEGIN = "INSERT INTO appservices (id, position, receipts, txn_id) VALUES (?, ?, ?, 0) ON CONFLICT (id) DO NOTHING"
_SAVE = "UPDATE appservices SET position = ?, receipts = ?, txn_id = ?, body = ? WHERE id = ?"


class Progress(msgspec.Struct, frozen=True):
    """How far a service has been told."""

    position: int
    """Of the stream of room events: what is not after it has been told, or is part of `sending`."""
    receipts: int
    """The same of the stream of receipts."""
    txn_id: int = 0
    """Of the newest transaction; each has a greater one than that before it."""
    sending: bytes | None = None
    """The body of that, if it is not acknowledged. JSON; it is not changed any more."""


def find(tx: Transaction, service: str) -> Progress:
    """How far a service has come that has begun."""
    row = tx.one(_FIND, (service,))
    assert row is not None, "it was begun as the plugin started"
    return Progress(row[0], row[1], row[2], None if row[3] is None else bytes(row[3]))


def begin(tx: Transaction, services: Iterable[str], now: Progress) -> None:
    """Those of the services that are new are told of what happens from now on."""
    tx.run_many(_BEGIN, [(service, now.position, now.receipts) for service in services])


def save(tx: Transaction, service: str, progress: Progress) -> None:
    """Write down how far it has come."""
    tx.run(_SAVE, (progress.position, progress.receipts, progress.txn_id, progress.sending, service))
