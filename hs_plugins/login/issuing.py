"""Hand out tokens ("Relationship between access tokens and devices", "Refreshing access tokens")."""

from __future__ import annotations

from dataclasses import dataclass

from hs_core.clock import Clock
from hs_core.errors import Forbidden, UnknownToken
from hs_core.http.authenticate import token_hash
from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.login.config import LoginConfig, milliseconds
from hs_plugins.login.rows import AccountRow
from hs_plugins.login.store import accounts, devices, tokens
from hs_plugins.login.tokens import Kind, new_token
from hs_plugins.login.values import Login, Session
from hs_plugins.login.writing import Writing

DEVICE_ID_LENGTH = 10


@dataclass(frozen=True)
class NewTokens:
    """Tokens that are made, and not yet stored."""

    access: str
    refresh: str | None = None


@dataclass(frozen=True)
class Issuer:
    """Makes tokens, and stores their hashes."""

    config: LoginConfig
    clock: Clock

    def make(self, user: UserId, *, refreshable: bool) -> NewTokens:
        access = new_token(Kind.ACCESS, user, self.clock)
        return NewTokens(access, new_token(Kind.REFRESH, user, self.clock) if refreshable else None)

    def new_device_id(self) -> DeviceId:
        return DeviceId(self.clock.random_text(DEVICE_ID_LENGTH).upper())

    def log_in(self, writing: Writing, login: Login, device: DeviceId, new: NewTokens) -> Session:
        """Raises Forbidden: the account is no more, or the login token is not good."""
        tx, user = writing.tx, writing.user
        accounts.lock(tx, user)
        account = accounts.account(tx, user)
        if account is None or account.deactivated:
            raise Forbidden("This account has been deactivated", errcode="M_USER_DEACTIVATED")
        if login.login_token:
            self._spend(writing, login.login_token)
        if devices.add(tx, user, device, login.display_name, writing.now):
            writing.tell(AccountRow(user, "device_created", device))
        else:
            writing.tell_of_removal((), tokens.delete_of_devices(tx, user, [device]))
        return self._store(writing, device, new)

    def _spend(self, writing: Writing, login_token: str) -> None:
        """A call that was done before has spent it already. What it made, and nobody was given, is replaced."""
        spent = writing.done_before() or tokens.spend_login(
            writing.tx, token_hash(login_token), writing.user, writing.now
        )
        if not spent:
            raise Forbidden("The login token is not valid, or not any more")

    def refresh(self, writing: Writing, old: str, new: NewTokens) -> Session:
        """New tokens beside the old ones, which stay good until the new ones are used. Raises UnknownToken."""
        tx, user = writing.tx, writing.user
        found = tokens.refresh_token(tx, token_hash(old), user)
        if found is None:
            raise UnknownToken("The refresh token is not valid, or not any more")
        if found.expires_ts is not None and found.expires_ts <= writing.now:
            raise UnknownToken("The refresh token has expired", soft_logout=True)
        revoked = [*tokens.settle(tx, found.refresh_id), *tokens.delete_successors(tx, found.refresh_id)]
        writing.tell_of_removal((), revoked)
        return self._store(writing, found.device_id, new, replaces=found.refresh_id)

    def _store(self, writing: Writing, device: DeviceId, new: NewTokens, replaces: int | None = None) -> Session:
        tx, user, now, config = writing.tx, writing.user, writing.now, self.config
        if new.refresh is None:
            tokens.add(tx, tokens.NewAccess(token_hash(new.access), user, device, now))
            return Session(user_id=user, device_id=device, access_token=new.access)
        lives = config.refresh_token_lifetime
        refresh = tokens.NewRefresh(
            token_hash(new.refresh), user, device, None if lives is None else now + milliseconds(lives), replaces
        )
        refresh_id = tokens.add_refresh(tx, refresh)
        expires_in = milliseconds(config.access_token_lifetime)
        access = tokens.NewAccess(
            token_hash(new.access), user, device, now, now + expires_in, refresh_id, replaces is not None
        )
        tokens.add(tx, access)
        return Session(
            user_id=user,
            device_id=device,
            access_token=new.access,
            refresh_token=new.refresh,
            expires_in_ms=expires_in,
        )
