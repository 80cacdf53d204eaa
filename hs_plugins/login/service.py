"""The calls of `Accounts`, in the process that owns the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hs_core.errors import Forbidden, NotFound, UserInUse
from hs_core.http.authenticate import token_hash
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.login.issuing import Issuer
from hs_plugins.login.lifecycle import Lifecycle
from hs_plugins.login.passwords import Passwords
from hs_plugins.login.rows import AccountRow
from hs_plugins.login.store import accounts, departures, devices, registration, sessions, tokens
from hs_plugins.login.tokens import Kind, new_token
from hs_plugins.login.values import Login, Marks, NewAccount, Session
from hs_plugins.login.writing import AccountWriter, Writing


@dataclass(frozen=True)
class AccountsService:
    """Each call is one transaction; whom it concerns hears of it by the stream."""

    writer: AccountWriter
    issuer: Issuer
    passwords: Passwords
    lifecycle: Lifecycle

    async def register(self, user_id: UserId, new: NewAccount) -> None:
        hashed = new.password_hash
        if new.password is not None:
            hashed = await self.passwords.hash(new.password)
        await self.writer.write(user_id, lambda writing: _register(writing, new, hashed))

    async def log_in(self, user_id: UserId, login: Login) -> Session:
        device = login.device_id or self.issuer.new_device_id()
        made = self.issuer.make(user_id, refreshable=login.refreshable)
        return await self.writer.write(user_id, lambda writing: self.issuer.log_in(writing, login, device, made))

    async def refresh(self, user_id: UserId, refresh_token: str) -> Session:
        made = self.issuer.make(user_id, refreshable=True)
        return await self.writer.write(user_id, lambda writing: self.issuer.refresh(writing, refresh_token, made))

    async def token_used(self, user_id: UserId, token_id: int) -> None:
        await self.writer.write(
            user_id, lambda writing: writing.tell_of_removal((), tokens.use(writing.tx, user_id, token_id))
        )

    async def offer_login(self, user_id: UserId, valid_for_ms: int) -> str:
        token = new_token(Kind.LOGIN, user_id, self.issuer.clock)

        def work(writing: Writing) -> None:
            _require(accounts.lock(writing.tx, user_id))
            tokens.add_login(writing.tx, token_hash(token), user_id, writing.now + valid_for_ms)

        await self.writer.write(user_id, work)
        return token

    async def set_password(self, user_id: UserId, password: str, keep: int | None, log_out: bool) -> None:
        hashed = await self.passwords.hash(password)

        def work(writing: Writing) -> list[DeviceId]:
            _require(accounts.set_password(writing.tx, user_id, hashed))
            if not log_out:
                return []
            kept = None if keep is None else tokens.device_of(writing.tx, user_id, keep)
            return _delete_devices(writing, [d for d in devices.ids(writing.tx, user_id) if d != kept])

        await self.lifecycle.devices_deleted(user_id, await self.writer.write(user_id, work))

    async def mark(self, user_id: UserId, marks: Marks) -> None:
        def work(writing: Writing) -> None:
            _require(accounts.mark(writing.tx, user_id, marks))
            writing.tell(AccountRow(user_id, "altered", tokens=tokens.hashes(writing.tx, user_id)))

        await self.writer.write(user_id, work)

    async def put_device(self, user_id: UserId, device_id: DeviceId, display_name: str | None, create: bool) -> bool:
        return await self.writer.write(
            user_id, lambda writing: _put_device(writing, device_id, display_name, create=create)
        )

    async def delete_devices(self, user_id: UserId, device_ids: Sequence[DeviceId]) -> None:
        gone = await self.writer.write(user_id, lambda writing: _delete_devices(writing, device_ids))
        await self.lifecycle.devices_deleted(user_id, gone)

    async def log_out(self, user_id: UserId, token_id: int) -> None:
        def work(writing: Writing) -> list[DeviceId]:
            device = tokens.device_of(writing.tx, user_id, token_id)
            if device is not None:
                return _delete_devices(writing, [device])
            writing.tell_of_removal((), tokens.delete_one(writing.tx, user_id, token_id))
            return []

        await self.lifecycle.devices_deleted(user_id, await self.writer.write(user_id, work))

    async def log_out_everywhere(self, user_id: UserId) -> None:
        gone = await self.writer.write(user_id, _log_out_everywhere)
        await self.lifecycle.devices_deleted(user_id, gone)

    async def deactivate(self, user_id: UserId, erase: bool) -> None:
        def work(writing: Writing) -> list[DeviceId]:
            _require(accounts.deactivate(writing.tx, user_id, erase))
            departures.add(writing.tx, user_id)
            gone = _log_out_everywhere(writing)
            writing.tell(AccountRow(user_id, "deactivated"))
            return gone

        gone = await self.writer.write(user_id, work)
        await self.lifecycle.devices_deleted(user_id, gone)
        await self.lifecycle.deactivated(user_id, erase)


def _register(writing: Writing, new: NewAccount, password_hash: str | None) -> None:
    tx, user = writing.tx, writing.user
    if writing.done_before():
        return
    if new.upgrades_guest:
        if not accounts.upgrade_guest(tx, user, password_hash):
            raise Forbidden("Only a guest can become a full user")
        writing.tell(AccountRow(user, "altered", tokens=tokens.hashes(tx, user)))
    else:
        if not accounts.add(tx, user, new, password_hash, writing.now):
            if _came_of(writing, new.session):
                return  # this call, made again
            raise UserInUse
        writing.tell(AccountRow(user, "registered"))
    if new.registration_token and not registration.spend_token(tx, new.registration_token, writing.now):
        raise Forbidden("The registration token is used up")
    if new.session is not None:
        sessions.finish(tx, new.session, user)


def _came_of(writing: Writing, session: bytes | None) -> bool:
    """Whether the user is what came of that session of interactive authentication."""
    known = None if session is None else sessions.find(writing.tx, session, writing.now)
    return known is not None and known.result == writing.user


def _put_device(writing: Writing, device: DeviceId, display_name: str | None, *, create: bool) -> bool:
    tx, user = writing.tx, writing.user
    _require(accounts.lock(tx, user))
    if create and devices.add(tx, user, device, display_name, writing.now):
        writing.tell(AccountRow(user, "device_created", device))
        return True
    known = devices.device(tx, user, device)
    if known is None:
        raise NotFound("There is no such device")
    if display_name is not None and display_name != known.display_name:
        devices.rename(tx, user, device, display_name)
        writing.tell(AccountRow(user, "device_renamed", device))
    return False


def _delete_devices(writing: Writing, device_ids: Sequence[DeviceId]) -> list[DeviceId]:
    """Returns those that there were."""
    if not device_ids:
        return []
    gone = devices.delete(writing.tx, writing.user, device_ids)
    writing.tell_of_removal(gone, tokens.delete_of_devices(writing.tx, writing.user, device_ids))
    return sorted(gone)


def _log_out_everywhere(writing: Writing) -> list[DeviceId]:
    """Returns the devices that there were."""
    gone = devices.delete(writing.tx, writing.user, devices.ids(writing.tx, writing.user))
    writing.tell_of_removal(gone, tokens.delete_of_user(writing.tx, writing.user))
    return sorted(gone)


def _require(exists: bool) -> None:
    if not exists:
        raise NotFound("There is no such user")
