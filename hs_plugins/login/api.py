"""The door of the login plugin: accounts and devices, who owns a token, and proof of who is asking."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.login.interactive.protocol import Interactive
from hs_plugins.login.interactive.values import AuthRequired, Challenge, Operation, Outcome
from hs_plugins.login.proof import prove, prove_identity
from hs_plugins.login.rows import AccountRow, Change
from hs_plugins.login.store.changes import load_rows
from hs_plugins.login.values import Account, Device, Login, Marks, NewAccount, Session

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_CHANGES",
    "INTERACTIVE",
    "USERS",
    "Account",
    "AccountRow",
    "Accounts",
    "AuthRequired",
    "Challenge",
    "Change",
    "Device",
    "Interactive",
    "Login",
    "Marks",
    "NewAccount",
    "Operation",
    "Outcome",
    "Session",
    "Users",
    "prove",
    "prove_identity",
]

ACCOUNT_CHANGES = Stream("accounts", AccountRow, load=load_rows, shard_by=By.USER, slots=64)
"""Every change of an account or a device, for a day: what caches must forget, and what others build upon."""


class Accounts(Protocol):
    """Calls run in the process that owns their first argument, a user.

    Those for a user who does not exist raise NotFound. What a call changes is in `ACCOUNT_CHANGES` when it returns.
    """

    async def register(self, user_id: UserId, new: NewAccount) -> None:
        """Make an account. Raises UserInUse, and Forbidden if the registration token is used up."""

    async def log_in(self, user_id: UserId, login: Login) -> Session:
        """A new access token, and the device if there is none with that ID yet.

        "If the client sets the `device_id`, the server will invalidate any access and refresh tokens previously
        assigned to that device." Raises Forbidden: `M_USER_DEACTIVATED`, or the login token is not good.
        """

    async def refresh(self, user_id: UserId, refresh_token: str) -> Session:
        """New tokens for a refresh token ("Refreshing access tokens"). Raises UnknownToken."""

    async def token_used(self, user_id: UserId, token_id: int) -> None:
        """The first use of tokens that came from a refresh: what they replace is revoked."""

    async def offer_login(self, user_id: UserId, valid_for_ms: int) -> str:
        """A token with which somebody else can log in as the user, once (`m.login.token`)."""

    async def set_password(self, user_id: UserId, password: str, keep: int | None, log_out: bool) -> None:
        """Change the password; `log_out` deletes the devices, except that of the token `keep`. Raises InvalidParam."""

    async def mark(self, user_id: UserId, marks: Marks) -> None:
        """Make or unmake an administrator, lock, suspend."""

    async def put_device(self, user_id: UserId, device_id: DeviceId, display_name: str | None, create: bool) -> bool:
        """Rename a device (`None` leaves its name), or with `create` make it; whether it is new.

        Raises NotFound if there is none and `create` is not set.
        """

    async def delete_devices(self, user_id: UserId, device_ids: Sequence[DeviceId]) -> None:
        """Delete devices with their tokens; those that do not exist are gone already."""

    async def log_out(self, user_id: UserId, token_id: int) -> None:
        """Revoke one token, and delete the device that it was for."""

    async def log_out_everywhere(self, user_id: UserId) -> None:
        """Revoke all tokens, and delete all devices."""

    async def deactivate(self, user_id: UserId, erase: bool) -> None:
        """End the account for good: its tokens, devices and password go at once, its rooms are left before long."""


class Users(Protocol):
    """Local users and their devices. Read from the database by any process."""

    async def account(self, user_id: UserId) -> Account | None:
        """`None` for a user of this server who does not exist, and for everybody of another server."""

    async def existing(self, user_ids: Collection[UserId]) -> set[UserId]:
        """Those of the users who have an account here, deactivated ones included."""

    async def page(self, after: UserId | None, limit: int) -> list[Account]:
        """Accounts in the order of their IDs, beginning after one of them."""

    async def devices(self, user_id: UserId) -> list[Device]:
        """The user's devices, by ID."""

    async def device(self, user_id: UserId, device_id: DeviceId) -> Device | None: ...

    async def devices_of(self, user_ids: Collection[UserId]) -> dict[UserId, list[Device]]:
        """The devices of several local users; who has none is left out."""


ACCOUNTS = Service[Accounts]("login.accounts", owner=ACCOUNT_CHANGES)
USERS = ReadSide[Users]("login.users")


INTERACTIVE = Service[Interactive]("login.interactive")
