"""Who asks."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import DeviceId, UserId


class Requester(msgspec.Struct, frozen=True):
    """The user and device that an access token stands for."""

    user_id: UserId
    device_id: DeviceId | None = None
    """`None` for application services that do not name a device, and for tokens without one."""
    is_guest: bool = False
    is_admin: bool = False
    token_id: int = 0
    """Which of the user's tokens it was, in the table of whoever checks tokens."""
    appservice: str | None = None
    """The ID of the application service that asks, perhaps as one of its users."""
    rate_limited: bool = True
    is_locked: bool = False
    """May do nothing but log out ("Account locking")."""
    is_suspended: bool = False
    """May read, leave and log out ("Account suspension"): other acts are refused with 403 `M_USER_SUSPENDED`."""
    good_for: float | None = None
    """Seconds, from when the token was checked, until it expires."""
