"""Which members a client has been told of, for those that load members lazily ("Lazy-loading room members")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hs_core.cache import LRU
from hs_core.matrix.identifiers import DeviceId, EventId, RoomId, UserId

MAX_DEVICES: Final = 5000
MAX_ROOMS: Final = 200
"""Rooms of one device that are remembered."""
MAX_MEMBERS: Final = 500
"""Members of one room that one device is remembered to know; of others it is told again."""

Told = dict[UserId, tuple[EventId, int]]
"""By member: the event that the client was told of, and the position of the response that did so."""


class ToldMembers:
    """Per device. To forget is harmless: "it is valid for the server to send redundant membership events"."""

    def __init__(self) -> None:
        self._devices: LRU[tuple[UserId, DeviceId | None], LRU[RoomId, Told]] = LRU(MAX_DEVICES)

    def restart(self, user_id: UserId, device_id: DeviceId | None) -> None:
        """The device begins anew and knows nothing."""
        self._devices.pop((user_id, device_id))

    def redundant(
        self, device: tuple[UserId, DeviceId | None], room_id: RoomId, members: Mapping[UserId, EventId], since: int
    ) -> set[UserId]:
        """Those of the members whose events were in responses that the client has seen, for it goes on from there."""
        rooms = self._devices.get(device)
        told = rooms.get(room_id) if rooms is not None else None
        if not told:
            return set()
        known = set()
        for user_id, event_id in members.items():
            entry = told.get(user_id)
            if entry is not None and entry[0] == event_id and entry[1] <= since:
                known.add(user_id)
        return known

    def tell(
        self, device: tuple[UserId, DeviceId | None], room_id: RoomId, members: Mapping[UserId, EventId], position: int
    ) -> None:
        """These members are in the response that ends at `position`."""
        if not members:
            return
        rooms = self._devices.get(device)
        if rooms is None:
            rooms = self._devices[device] = LRU(MAX_ROOMS)
        told = rooms.get(room_id)
        if told is None:
            told = rooms[room_id] = {}
        for user_id, event_id in members.items():
            told.setdefault(user_id, (event_id, position))
            if told[user_id][0] != event_id:
                told[user_id] = (event_id, position)
        while len(told) > MAX_MEMBERS:
            del told[next(iter(told))]
