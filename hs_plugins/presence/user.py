"""The presence of one user, "collated from both per-device [...] and per-user (status) data". Pure.

Times are milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.presence.rows import OFFLINE, ONLINE, UNAVAILABLE, PresenceRow, State

IDLE_MS: Final = 5 * 60 * 1000
""" "The server will automatically set a user's presence to `unavailable` if their last active time was over a threshold
value (e.g. 5 minutes)." """
ACTIVE_MS: Final = 60 * 1000
"""How long after an action a user is said to be currently active."""
MAX_DEVICES: Final = 50
EARLIER: Final = DeviceId("")
"""Stands for the clients that were connected before a restart, until one of them is heard of."""


@dataclass(slots=True)
class Device:
    """A client that is connected."""

    state: State
    until: int
    """When it counts as gone, unless it is heard of again."""


@dataclass(slots=True)
class UserPresence:
    """A user and their clients."""

    user_id: UserId
    status_msg: str | None = None
    last_active: int = 0
    devices: dict[DeviceId | None, Device] = field(default_factory=dict)
    elsewhere: bool | None = None
    """For a user of another server: whether that server says that they are currently active."""

    def heard(self, device_id: DeviceId | None, state: State, now: int, until: int) -> None:
        """A client is connected, as `state`, and will be until then. To come online is an act, to stay so is none."""
        if device_id != EARLIER:
            self.devices.pop(EARLIER, None)
        if self.at(now).presence == OFFLINE:
            self.last_active = now
        device = self.devices.get(device_id)
        if device is not None:
            device.state, device.until = state, max(device.until, until)
        elif len(self.devices) < MAX_DEVICES:
            self.devices[device_id] = Device(state, until)

    def says(self, device_id: DeviceId | None, state: State, status_msg: str | None, now: int, until: int) -> None:
        """The user has set their state: "the activity time is updated to reflect that activity"."""
        self.status_msg = status_msg
        self.last_active = now
        if state == OFFLINE:
            self.devices.pop(EARLIER, None)
            self.devices.pop(device_id, None)
        else:
            self.heard(device_id, state, now, until)

    def acts(self, device_id: DeviceId | None, now: int) -> None:
        """ "Any activity [...] on any of the user's clients will cause the server to automatically set their presence
        to `online`."
        """
        self.last_active = now
        device = self.devices.get(device_id)
        if device is not None:
            device.state = ONLINE

    def at(self, now: int) -> PresenceRow:
        """What others are to know, without the rooms."""
        state = self._state(now)
        active = state == ONLINE and now - self.last_active < ACTIVE_MS
        if self.elsewhere is not None:
            active = state == ONLINE and self.elsewhere
        return PresenceRow(self.user_id, state, self.status_msg, self.last_active, active)

    def next_change(self, now: int) -> int | None:
        """When that may be another, although nothing has happened; `None` for never."""
        times = [device.until for device in self.devices.values()]
        if times and self.elsewhere is None:
            times += [time for time in (self.last_active + ACTIVE_MS, self.last_active + IDLE_MS) if time > now]
        return min(times, default=None)

    def forget_gone(self, now: int) -> None:
        """Forget the clients that have not been heard of for too long."""
        for device_id in [device_id for device_id, device in self.devices.items() if device.until <= now]:
            del self.devices[device_id]

    def _state(self, now: int) -> State:
        states = {device.state for device in self.devices.values() if device.until > now}
        if not states:
            return OFFLINE
        is_idle = self.elsewhere is None and now - self.last_active >= IDLE_MS
        return ONLINE if ONLINE in states and not is_idle else UNAVAILABLE
