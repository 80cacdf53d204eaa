"""Identifiers (specification, appendices, "Identifier Grammar")."""

from typing import NewType

ServerName = NewType("ServerName", str)
UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
RoomAlias = NewType("RoomAlias", str)
DeviceId = NewType("DeviceId", str)
KeyId = NewType("KeyId", str)
