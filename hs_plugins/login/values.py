"""Accounts and devices as values: what the tables hold, and what calls are given. Part of the door, `api.py`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import DeviceId, UserId


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A local user."""

    user_id: UserId
    created_ts: int
    is_guest: bool = False
    is_admin: bool = False
    deactivated: bool = False
    erased: bool = False
    locked: bool = False
    """May do nothing but log out, until unlocked ("Account locking")."""
    suspended: bool = False
    """May read and leave, and little else ("Account suspension")."""
    appservice: str | None = None
    """The ID of the application service that made it."""
    has_password: bool = False


class Device(msgspec.Struct, frozen=True):
    """A device of a local user."""

    device_id: DeviceId
    display_name: str | None = None
    last_seen_ts: int | None = None
    last_seen_ip: str | None = None


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What an account begins with."""

    password: str | None = None
    password_hash: str | None = None
    """Instead of `password`: one that this plugin hashed before."""
    is_guest: bool = False
    is_admin: bool = False
    appservice: str | None = None
    registration_token: str | None = None
    """One of its uses is spent with the account's creation."""
    session: bytes | None = None
    """The hash of the session key of user-interactive authentication, whose result this account becomes."""
    upgrades_guest: bool = False
    """The account exists, as a guest's, and becomes a full one."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A wish for a token."""

    device_id: DeviceId | None = None
    """`None`: a new one, with a name of our choice."""
    display_name: str | None = None
    """Of the device, if it is new."""
    refreshable: bool = False
    """Whether the client understands refresh tokens: then the access token expires."""
    login_token: str | None = None
    """What the user proves the right to log in with; spent by this login."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What a client that has logged in is given."""

    user_id: UserId
    device_id: DeviceId
    access_token: str
    refresh_token: str | None = None
    expires_in_ms: int | None = None


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What administrators may change of an account; `None` leaves it as it is."""

    is_admin: bool | None = None
    locked: bool | None = None
    suspended: bool | None = None


class RegistrationToken(msgspec.Struct, frozen=True):
    """A token that lets somebody register ("Token-authenticated registration")."""

    token: str
    uses_allowed: int | None = None
    """`None`: any number."""
    uses: int = 0
    expires_ts: int | None = None

    def is_good(self, now: int) -> bool:
        """Whether somebody could register with it now."""
        return (self.uses_allowed is None or self.uses < self.uses_allowed) and (
            self.expires_ts is None or self.expires_ts > now
        )
