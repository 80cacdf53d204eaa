"""The calls of `OneTimeKeys`, in the process that owns the user."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hs_core.clock import Clock
from hs_core.db import Transaction
from hs_core.errors import InvalidParam, TooLarge
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.streams.writer import Log, Writer
from hs_plugins.keys.checks import same_key
from hs_plugins.keys.rows import OneTimeKeysRow, Supply
from hs_plugins.keys.store import supplies
from hs_plugins.keys.store.supplies import Place
from hs_plugins.keys.values import UploadedKey

MAX_KEYS: Final = 1_000
"""Unclaimed one-time keys of one device."""
MAX_ALGORITHMS: Final = 20
"""Of one device's keys."""


@dataclass(frozen=True)
class OneTimeKeysService:
    """Each call is one transaction, which locks what a device has left before it looks at its keys."""

    supplies: Writer[OneTimeKeysRow]
    clock: Clock

    async def put(
        self,
        user_id: UserId,
        device_id: DeviceId,
        one_time_keys: Sequence[UploadedKey],
        fallback_keys: Sequence[UploadedKey],
    ) -> Supply:
        """See `OneTimeKeys.put`."""
        place, now = (user_id, device_id), self.clock.now_ms()

        def work(tx: Transaction, log: Log[OneTimeKeysRow]) -> Supply:
            before = supplies.lock(tx, place)
            after = _with_fallback(tx, place, _with_keys(tx, place, before, one_time_keys, now), fallback_keys)
            if sum(after.counts.values()) > MAX_KEYS or len({*after.counts, *after.unused}) > MAX_ALGORITHMS:
                raise TooLarge(f"A device may have {MAX_KEYS} one-time keys, of {MAX_ALGORITHMS} algorithms")
            _tell(tx, log, place, before, after)
            return after

        return await self.supplies.write([user_id], work)

    async def claim(self, user_id: UserId, wanted: Mapping[DeviceId, str]) -> dict[DeviceId, UploadedKey]:
        """See `OneTimeKeys.claim`."""

        def work(tx: Transaction, log: Log[OneTimeKeysRow]) -> dict[DeviceId, UploadedKey]:
            claimed: dict[DeviceId, UploadedKey] = {}
            rows: list[OneTimeKeysRow] = []
            for device_id, algorithm in sorted(wanted.items()):
                place = (user_id, device_id)
                if supplies.supply(tx, place) == (0, Supply()):
                    continue  # who asks for devices that there never were shall leave no trace
                before = supplies.lock(tx, place)
                key, after = _claim(tx, place, before, algorithm)
                if key is not None:
                    claimed[device_id] = key
                if after != before:
                    rows.append(OneTimeKeysRow(user_id, device_id, after))
            if rows:
                for position, row in enumerate(rows, log.announce_all(rows)):
                    supplies.put(tx, position, row)
            return claimed

        return await self.supplies.write([user_id], work)

    async def forget_devices(self, user_id: UserId, device_ids: Collection[DeviceId]) -> None:
        """See `OneTimeKeys.forget_devices`."""

        def work(tx: Transaction, log: Log[OneTimeKeysRow]) -> None:
            for device_id in sorted(device_ids):
                supplies.forget(tx, (user_id, device_id))
                log.announce(OneTimeKeysRow(user_id, device_id, Supply()))

        await self.supplies.write([user_id], work)


def _with_keys(tx: Transaction, place: Place, before: Supply, keys: Sequence[UploadedKey], now: int) -> Supply:
    """Raises InvalidParam: what others may have been told of by its ID is not replaced."""
    known = supplies.with_ids(tx, place, {key.key_id for key in keys}) if keys else {}
    counts, new = dict(before.counts), []
    for key in keys:
        old = known.get((key.algorithm, key.key_id))
        if old is None:
            new.append((key.algorithm, key.key_id, key.key))
            counts[key.algorithm] = counts.get(key.algorithm, 0) + 1
        elif not same_key(old, key.key):
            raise InvalidParam(f"There is another one-time key {key.algorithm}:{key.key_id} already")
    if new:
        supplies.add(tx, place, new, now)
    return Supply(counts, before.unused)


def _with_fallback(tx: Transaction, place: Place, before: Supply, keys: Sequence[UploadedKey]) -> Supply:
    unused = set(before.unused)
    for key in keys:
        old = supplies.fallback(tx, place, key.algorithm)
        if old != (key.algorithm, key.key_id, key.key):
            supplies.put_fallback(tx, place, (key.algorithm, key.key_id, key.key))
            unused.add(key.algorithm)
    return Supply(before.counts, tuple(sorted(unused)))


def _claim(tx: Transaction, place: Place, before: Supply, algorithm: str) -> tuple[UploadedKey | None, Supply]:
    """A key, and what is left then. "The returned key is a one-time key if one is available, and otherwise a fallback
    key."
    """
    taken = supplies.take(tx, place, algorithm) if algorithm in before.counts else None
    if taken is not None:
        counts = dict(before.counts)
        counts[algorithm] -= 1
        left = {name: count for name, count in counts.items() if count}
        return UploadedKey(*taken), Supply(left, before.unused)
    fallback = supplies.fallback(tx, place, algorithm)
    if fallback is None:
        return None, before
    return UploadedKey(*fallback), Supply(before.counts, tuple(each for each in before.unused if each != algorithm))


def _tell(tx: Transaction, log: Log[OneTimeKeysRow], place: Place, before: Supply, after: Supply) -> None:
    if after != before:
        row = OneTimeKeysRow(*place, after)
        supplies.put(tx, log.announce(row), row)
