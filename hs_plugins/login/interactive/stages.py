"""The stages that this plugin checks ("Authentication types")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from hs_core.clock import Clock
from hs_core.db import Database
from hs_core.errors import BadJson, Forbidden
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import Refusal, check_auth_stage
from hs_plugins.login.credentials import Credentials
from hs_plugins.login.store import registration

DUMMY: Final = "m.login.dummy"
PASSWORD: Final = "m.login.password"
REGISTRATION_TOKEN: Final = "m.login.registration_token"


class StageFailed(Exception):
    """The client "may make a second attempt"; the message is for people."""


@dataclass(frozen=True)
class Stages:
    """Knows how to check them."""

    db: Database
    clock: Clock
    hooks: Hooks
    credentials: Credentials

    async def check(self, stage: str, auth: Mapping[str, Any], user: UserId | None, address: str) -> str:
        """What proves the stage. `user` is who must prove that they are it, if they are known.

        Raises StageFailed, BadJson, Forbidden if it is somebody else.
        """
        if stage == DUMMY:
            return ""
        if stage == PASSWORD and user is not None:
            return await self._password(auth, user)
        if stage == REGISTRATION_TOKEN and user is None:
            return await self._registration_token(auth)
        answer = cast("str | Refusal | None", await self.hooks.first(check_auth_stage, stage, auth, address))
        if answer is None:
            raise StageFailed(f"{stage} is no stage of this authentication")
        if isinstance(answer, Refusal):
            raise StageFailed(answer.message)
        return answer

    async def _password(self, auth: Mapping[str, Any], user: UserId) -> str:
        password = auth.get("password")
        if not isinstance(password, str):
            raise BadJson("password must be a string")
        found = await self.credentials.find(auth.get("identifier"), auth.get("user") or user)
        if user not in found:
            raise Forbidden("The operation is another user's")
        if await self.credentials.check([user], password) is None:
            raise StageFailed("Invalid password")
        return user

    async def _registration_token(self, auth: Mapping[str, Any]) -> str:
        token = auth.get("token")
        if not isinstance(token, str) or not token or "\0" in token:
            raise BadJson("token must be a string")
        found = await self.db.read(lambda tx: registration.token(tx, token))
        if found is None or not found.is_good(self.clock.now_ms()):
            raise StageFailed("Invalid registration token")
        return token
