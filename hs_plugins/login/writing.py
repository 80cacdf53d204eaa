"""Write accounts: what changes, and the rows of `accounts` that tell of it, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hs_core.clock import Clock
from hs_core.cluster.once import call_key, done_before
from hs_core.db import Transaction
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.streams.writer import Log, Writer
from hs_plugins.login.rows import AccountRow, Change
from hs_plugins.login.store import changes
from hs_plugins.login.store.tokens import Revoked

T = TypeVar("T")


@dataclass(slots=True)
class Writing:
    """One transaction about one user."""

    tx: Transaction
    user: UserId
    now: int
    """Milliseconds since the epoch."""
    call: str = ""
    """The key of the call that asked for it."""
    rows: list[AccountRow] = field(default_factory=list)

    def done_before(self) -> bool:
        """Whether an owner before has done this very call, and could not answer any more. To be asked once."""
        return done_before(self.tx, self.call)

    def tell(self, row: AccountRow) -> None:
        """Announce this with the transaction."""
        self.rows.append(row)

    def tell_of_removal(self, devices: Collection[DeviceId], revoked: Sequence[Revoked]) -> None:
        """These devices are deleted, and these tokens are revoked, which were not all for those devices."""
        tokens: dict[DeviceId | None, list[bytes]] = {device: [] for device in sorted(devices)}
        for token in revoked:
            tokens.setdefault(token.device_id, []).append(token.token_hash)
        for device, hashes in tokens.items():
            change: Change = "device_deleted" if device in devices else "tokens_revoked"
            self.tell(AccountRow(self.user, change, device, tuple(hashes)))


@dataclass(frozen=True)
class AccountWriter:
    """The right to change the accounts that this process owns."""

    stream: Writer[AccountRow]
    clock: Clock

    async def write(self, user: UserId, work: Callable[[Writing], T]) -> T:
        """Run `work` in one transaction and announce what it tells. It may run more than once. Raises NotOwner."""
        now, call = self.clock.now_ms(), call_key()

        def transaction(tx: Transaction, log: Log[AccountRow]) -> T:
            writing = Writing(tx, user, now, call)
            result = work(writing)
            if writing.rows:
                changes.add_rows(tx, log.announce_all(writing.rows), writing.rows, now)
            return result

        return await self.stream.write([user], transaction)
