"""Who somebody is who names a user and knows a password ("Identifier types", "Password-based")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hs_core.db import Database
from hs_core.errors import BadJson, InvalidParam, MissingParam
from hs_core.http.limits import RateLimiter
from hs_core.matrix.identifiers import ServerName, UserId
from hs_core.plugin.declaration import RateClass
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import check_password, find_user
from hs_plugins.login.names import candidates
from hs_plugins.login.passwords import Passwords
from hs_plugins.login.store import accounts


@dataclass(frozen=True)
class Credentials:
    """Finds users by what they call themselves, and checks their passwords."""

    server_name: ServerName
    db: Database
    hooks: Hooks
    passwords: Passwords
    limiter: RateLimiter

    async def find(self, identifier: object, user: object) -> list[UserId]:
        """Whom an `identifier`, or the deprecated `user`, may mean: the first of them that exists.

        Raises MissingParam, BadJson, InvalidParam.
        """
        if identifier is None:
            if user is None:
                raise MissingParam("The identifier is missing")
            return candidates(_text(user, "user"), self.server_name)
        if not isinstance(identifier, dict):
            raise BadJson("identifier must be an object")
        match identifier.get("type"):
            case "m.id.user":
                return candidates(_text(identifier.get("user"), "user"), self.server_name)
            case "m.id.thirdparty":
                medium = _text(identifier.get("medium"), "medium")
                return await self.find_by_address(medium, _text(identifier.get("address"), "address"))
            case None:
                raise MissingParam("The identifier's type is missing")
            case _:
                raise InvalidParam("The identifier's type is not known", errcode="M_UNKNOWN")

    async def find_by_address(self, medium: str, address: str) -> list[UserId]:
        """The user with a third-party identifier, if there is one."""
        found = await self.hooks.first(find_user, medium, address.casefold() if medium == "email" else address)
        return [] if found is None else [found]

    async def check(self, users: Sequence[UserId], password: str) -> UserId | None:
        """The first of the users that exists, if that is their password. Takes as long if there is none.

        Raises Unavailable under load, LimitExceeded if it is tried too often.
        """
        known = await self.db.read(lambda tx: accounts.password_hashes(tx, users)) if users else {}
        for user in users:
            if user not in known:
                continue
            self.limiter.spend(RateClass.LOGIN, user)  # whoever guesses may have many addresses
            answer = await self.hooks.first(check_password, user, password)
            if answer is None:
                answer = await self.passwords.verify(password, known[user])
            return user if answer else None
        await self.passwords.verify(password, None)
        return None


def _text(value: object, name: str) -> str:
    if value is None:
        raise MissingParam(f"{name} is missing")
    if not isinstance(value, str):
        raise BadJson(f"{name} must be a string")
    return value
