"""What application services have a say in elsewhere: tokens, names, and what can be made when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hs_core.cluster.calls import ReadSides, ServiceMissing, Services
from hs_core.core import Core
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import DeviceId, RoomAlias, RoomId, ServerName, UserId, server_name_of
from hs_core.plugin.hookspecs import NameClaims, Refusal, hookimpl
from hs_plugins.appservice.api import APPSERVICES
from hs_plugins.appservice.reading import REGISTRATIONS, Registrations
from hs_plugins.directory.api import DIRECTORY_READ

EXCLUSIVE = "M_EXCLUSIVE"


@dataclass(frozen=True)
class AppserviceHooks:
    server_name: ServerName
    services: Services
    read_sides: ReadSides

    @classmethod
    def of(cls, core: Core) -> AppserviceHooks:
        return cls(core.server_name, core.services, core.read_sides)

    @property
    def known(self) -> Registrations:
        """Opened after the hooks are made."""
        return self.read_sides[REGISTRATIONS]

    @hookimpl
    async def check_token(self, token: str) -> Requester | None:
        return self.known.identities.of_token(token)

    @hookimpl
    async def act_as(
        self, requester: Requester, user: UserId | None, device: DeviceId | None
    ) -> Requester | Refusal | None:
        return await self.known.identities.act_as(requester, user, device)

    @hookimpl
    async def claims_on(self, user: UserId) -> NameClaims | None:
        return self.known.registry.claims_on(user)

    @hookimpl
    async def claims_on_alias(self, alias: RoomAlias) -> NameClaims | None:
        return self.known.registry.claims_on_alias(alias)

    @hookimpl
    async def check_alias(self, user: UserId, alias: RoomAlias) -> Refusal | None:
        """ "Application services which attempt to create users or aliases *outside* of their defined namespaces [...]
        will receive an error code `M_EXCLUSIVE`. Similarly, normal users who attempt to create users or aliases
        *inside*".
        """
        registry = self.known.registry
        claims, acting = registry.claims_on_alias(alias), registry.acting(user)
        if acting is not None and (claims is None or acting.id not in claims.interested):
            return Refusal("The alias is in no namespace of this application service", EXCLUSIVE)
        if claims is None or not claims.exclusive or acting is not None:
            return None
        if any(registry.services[name].has_user(user) for name in claims.interested):
            return None
        return Refusal("The alias is reserved by an application service", EXCLUSIVE)

    @hookimpl
    async def find_alias(self, alias: RoomAlias) -> tuple[RoomId, Sequence[ServerName]] | None:
        if server_name_of(alias) != self.server_name or not self.known.registry.having_alias(alias):
            return None
        try:
            if not await self.services[APPSERVICES].make_alias(alias):
                return None
        except ServiceMissing:
            return None
        found = (await self.read_sides[DIRECTORY_READ].find([alias])).get(alias)
        return None if found is None else (found.room_id, [self.server_name])

    @hookimpl
    async def make_user(self, user: UserId) -> bool | None:
        if not self.known.registry.having_user(user):
            return None
        try:
            return await self.services[APPSERVICES].make_user(user) or None
        except ServiceMissing:
            return None
