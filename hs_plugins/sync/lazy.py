"""Which members a client has been told of, for those that load members lazily ("Lazy-loading room members")."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Final, TypeAlias

from hs_core.cache import LRU
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId

MAX_DEVICES: Final = 20_000
MAX_ROOMS: Final = 100_000
"""Rooms that are remembered, of all devices together."""
MAX_MEMBERS: Final = 500
"""Members of one room that one device is remembered to know; of others it is told again."""

Device: TypeAlias = tuple[UserId, DeviceId | None]
Told: TypeAlias = dict[UserId, tuple[EventId, int]]
"""By member: the event that the client was told of, and the position of the response that did so."""


class ToldMembers:
    """Per device. To forget is harmless: "it is valid for the server to send redundant membership events"."""

    def __init__(self) -> None:
        self._beginnings = count(1)
        self._began: LRU[Device, int] = LRU(MAX_DEVICES)
        self._rooms: LRU[tuple[Device, RoomId], tuple[int, Told]] = LRU(MAX_ROOMS)

    def restart(self, device: Device) -> int:
        """The device begins anew and knows nothing."""
        self._began[device] = beginning = next(self._beginnings)
        return beginning

    def redundant(self, device: Device, room_id: RoomId, members: Mapping[UserId, EventId], since: int) -> set[UserId]:
        """Those of the members whose events were in responses that the client has seen, for it goes on from there."""
        beginning, told = self._rooms.get((device, room_id)) or (0, {})
        if beginning != self._began.get(device):
            return set()
        return {
            user_id
            for user_id, event_id in members.items()
            if (entry := told.get(user_id)) is not None and entry[0] == event_id and entry[1] <= since
        }

    def tell(self, device: Device, room_id: RoomId, members: Mapping[UserId, EventId], position: int) -> None:
        """These members are in the response that ends at `position`."""
        if not members:
            return
        now = self._began.get(device) or self.restart(device)
        beginning, told = self._rooms.get((device, room_id)) or (0, {})
        if beginning != now:
            told = {}
            self._rooms[device, room_id] = (now, told)
        for user_id, event_id in members.items():
            if user_id not in told or told[user_id][0] != event_id:
                told[user_id] = (event_id, position)
        while len(told) > MAX_MEMBERS:
            del told[next(iter(told))]
