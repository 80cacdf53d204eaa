"""The rows of the stream `to_device`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import DeviceId, UserId


class ToDeviceRow(msgspec.Struct, frozen=True, array_like=True):
    """One message waits for one device of a local user."""

    user_id: UserId
    device_id: DeviceId
    sender: UserId
    type: str
    content: bytes
    """A JSON object."""
