"""Do what an administrator wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from hs_core.clock import Clock
from hs_core.db import Database
from hs_core.errors import InvalidParam, NotFound
from hs_core.matrix.identifiers import ServerName, UserId
from hs_plugins.login.administration import actions
from hs_plugins.login.api import Accounts, Users
from hs_plugins.login.names import candidates, user_id_for
from hs_plugins.login.store import registration
from hs_plugins.login.values import Marks, NewAccount, RegistrationToken

TOKEN_LENGTH = 16

Answer = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Administrator:
    """Each act answers with what it made or found, as JSON objects."""

    server_name: ServerName
    clock: Clock
    db: Database
    accounts: Accounts
    users: Users

    async def act(self, action: actions.Any) -> Answer:
        """Raises MatrixError."""
        match action:
            case actions.CreateUser():
                user = user_id_for(action.name, self.server_name)
                await self.accounts.register(user, NewAccount(password=action.password, is_admin=action.admin))
                return await self._shown(user)
            case actions.ListUsers():
                after = None if action.after is None else UserId(action.after)
                return [msgspec.to_builtins(each) for each in await self.users.page(after, actions.MAX_SHOWN)]
            case actions.SetPassword():
                user = await self._user(action.name)
                await self.accounts.set_password(user, action.password, None, action.log_out)
                return await self._shown(user)
            case actions.SetAdmin():
                user = await self._user(action.name)
                await self.accounts.mark(user, Marks(is_admin=action.admin))
                return await self._shown(user)
            case actions.Deactivate():
                user = await self._user(action.name)
                await self.accounts.deactivate(user, action.erase)
                return await self._shown(user)
            case actions.CreateToken() | actions.ListTokens() | actions.DeleteToken():
                return await self._act_on_tokens(action)

    async def _act_on_tokens(self, action: actions.CreateToken | actions.ListTokens | actions.DeleteToken) -> Answer:
        match action:
            case actions.CreateToken():
                text = action.token or self.clock.random_text(TOKEN_LENGTH)
                token = RegistrationToken(text, action.uses, 0, action.expires_ts)
                now = self.clock.now_ms()
                if not await self.db.write(lambda tx: registration.add_token(tx, token, now)):
                    raise InvalidParam(f"There is a token {text} already")
                return [msgspec.to_builtins(token)]
            case actions.ListTokens():
                tokens = await self.db.read(lambda tx: registration.tokens(tx, actions.MAX_SHOWN))
                return [msgspec.to_builtins(each) for each in tokens]
            case actions.DeleteToken():
                if not await self.db.write(lambda tx: registration.delete_token(tx, action.token)):
                    raise NotFound(f"There is no token {action.token}")
                return []

    async def _user(self, name: str) -> UserId:
        """Raises NotFound."""
        for user in candidates(name, self.server_name):
            if await self.users.account(user) is not None:
                return user
        raise NotFound(f"There is no user {name}")

    async def _shown(self, user: UserId) -> Answer:
        return [msgspec.to_builtins(await self.users.account(user))]
