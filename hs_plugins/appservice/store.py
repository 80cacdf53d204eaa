"""Every SQL statement of the table of application services."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hs_core.db import Transaction

_FIND = "SELECT position, receipts, txn_id, body FROM appservices WHERE id = ?"
_BEGIN = "INSERT INTO appservices (id, position, receipts) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING"
_SAVE = "UPDATE appservices SET position = ?, receipts = ?, txn_id = ?, body = ? WHERE id = ?"


class Transmission(msgspec.Struct, frozen=True):
    """A transaction that a service is to take, or has taken."""

    txn_id: str
    body: bytes
    """JSON: it is not changed any more."""


class Progress(msgspec.Struct, frozen=True):
    """How far a service has been told."""

    position: int
    """Of the stream of room events: what is not after it has been told, or is part of `sending`."""
    receipts: int
    """The same of the stream of receipts."""
    sending: Transmission | None = None
    """What it has not acknowledged."""


def find(tx: Transaction, service: str) -> Progress:
    """How far a service has come that has begun."""
    row = tx.one(_FIND, (service,))
    assert row is not None, "it was begun as the plugin started"
    sending = None if row[2] is None else Transmission(row[2], bytes(row[3]))
    return Progress(row[0], row[1], sending)


def begin(tx: Transaction, services: Iterable[str], now: Progress) -> None:
    """Those of the services that are new are told of what happens from now on."""
    tx.run_many(_BEGIN, [(service, now.position, now.receipts) for service in services])


def save(tx: Transaction, service: str, progress: Progress) -> None:
    """Write down how far it has come."""
    sending = progress.sending
    told = (None, None) if sending is None else (sending.txn_id, sending.body)
    tx.run(_SAVE, (progress.position, progress.receipts, *told, service))
