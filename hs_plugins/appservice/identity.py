"""Who an application service asks as ("Identity assertion")."""

from __future__ import annotations

from typing import Final

from hs_core.cache import LRU
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_core.plugin.hookspecs import Refusal
from hs_core.streams.batch import Batch
from hs_plugins.appservice.registered import Registered, Registry
from hs_plugins.login.api import Account, AccountRow, Users

MAX_KNOWN: Final = 20_000
"""Accounts, and devices, that are remembered to exist."""


class Identities:
    """Knows which users a service may be. Accounts are remembered, for a bridge asks as one of them all the time."""

    def __init__(self, registry: Registry, users: Users) -> None:
        self._registry = registry
        self._users = users
        self.accounts: LRU[UserId, Account] = LRU(MAX_KNOWN)
        self._devices: LRU[tuple[UserId, DeviceId], bool] = LRU(MAX_KNOWN)
        self._changes = 0

    def hear(self, batch: Batch[AccountRow]) -> None:
        """Accounts and devices that have changed."""
        for _, row in batch.rows:
            self._changes += 1
            self.accounts.pop(row.user_id)
            if row.device_id is not None:
                self._devices.pop((row.user_id, row.device_id))
            elif row.change == "deactivated":
                self._devices.clear()

    def of_token(self, token: str) -> Requester | None:
        """The service itself."""
        registered = self._registry.of_token(token)
        return None if registered is None else _sender(registered, None)

    async def act_as(
        self, requester: Requester, user: UserId | None, device: DeviceId | None
    ) -> Requester | Refusal | None:
        """See the hook of this name."""
        registered = self._registry.services.get(requester.appservice or "")
        if registered is None:
            return None
        user = user or registered.sender
        if user == registered.sender:
            found: Requester | Refusal = _sender(registered, device)
        else:
            found = await self._virtual(registered, user, device)
        if isinstance(found, Requester) and device is not None and not await self._has_device(user, device):
            # "If the given device ID is not known to belong to the user, the server will return a 400
            # `M_UNKNOWN_DEVICE` error."
            return Refusal(f"{user} has no such device", "M_UNKNOWN_DEVICE")
        return found

    async def _virtual(self, registered: Registered, user: UserId, device: DeviceId | None) -> Requester | Refusal:
        if not registered.has_user(user):
            return Refusal(f"{user} is in no namespace of this application service")
        account = await self._account(user)
        if account is None:
            return Refusal(f"The application service has not registered {user}")
        if account.deactivated:
            return Refusal(f"{user} has been deactivated", "M_USER_DEACTIVATED")
        return Requester(
            user_id=user,
            device_id=device,
            is_guest=account.is_guest,
            appservice=registered.id,
            rate_limited=registered.service.rate_limited,
            is_locked=account.locked,
            is_suspended=account.suspended,
        )

    async def _account(self, user: UserId) -> Account | None:
        account, changes = self.accounts.get(user), self._changes
        if account is None:
            account = await self._users.account(user)
            if account is not None and changes == self._changes:
                self.accounts[user] = account
        return account

    async def _has_device(self, user: UserId, device: DeviceId) -> bool:
        if (user, device) in self._devices:
            return True
        changes = self._changes
        has = await self._users.device(user, device) is not None
        if has and changes == self._changes:
            self._devices[(user, device)] = True
        return has


def _sender(registered: Registered, device: DeviceId | None) -> Requester:
    """ "Whether requests from masqueraded users are rate-limited. The sender is excluded." """
    return Requester(user_id=registered.sender, device_id=device, appservice=registered.id, rate_limited=False)
