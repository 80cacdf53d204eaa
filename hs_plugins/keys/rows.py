"""The rows of the streams `device_lists` and `one_time_keys`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import DeviceId, RoomId, UserId


class DeviceListRow(msgspec.Struct, frozen=True, array_like=True):
    """A user's devices, or their keys, have changed. A row replaces the one before of the same user and `told`."""

    user_id: UserId
    rooms: tuple[RoomId, ...]
    """Where the user was: those who are there must know."""
    told: UserId | None = None
    """The only one who is told; `None`: the user, and those who share a room."""


class Supply(msgspec.Struct, frozen=True):
    """What others can claim of one device."""

    counts: dict[str, int] = {}
    """Unclaimed one-time keys by algorithm; none of them 0."""
    unused: tuple[str, ...] = ()
    """The algorithms of fallback keys that nobody has been given yet."""


class OneTimeKeysRow(msgspec.Struct, frozen=True, array_like=True):
    """What a device has left has changed. A row replaces the one before of the same device."""

    user_id: UserId
    device_id: DeviceId
    supply: Supply
