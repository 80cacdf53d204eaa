"""Registrations, ready to be asked who is in which namespace. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from hs_core.cache import LRU
from hs_core.config.appservices import AppService, Namespace
from hs_core.http.authenticate import token_hash
from hs_core.matrix.identifiers import RoomAlias, RoomId, ServerName, UserId
from hs_core.plugin.hookspecs import NameClaims

MAX_USERS: Final = 50_000
"""Users of whom is remembered who is interested in them."""


class Registered:
    """An application service."""

    def __init__(self, service: AppService, server_name: ServerName) -> None:
        """Its namespaces have been checked: `hs_core.config.appservices.read_appservices`."""
        self.service = service
        self.id = service.id
        self.sender = service.sender(server_name)
        self._server_name = server_name
        self._users = _Patterns(service.namespaces.users)
        self._aliases = _Patterns(service.namespaces.aliases)
        self._rooms = _Patterns(service.namespaces.rooms)

    def has_user(self, user: str) -> bool:
        """Whether a user is its sender or in its namespace: "application services can only register interest in
        *local* users".
        """
        return user == self.sender or (self._is_local(user) and self._users.match(user))

    def owns_user(self, user: str) -> bool:
        """Whether nobody else may be that user."""
        return user == self.sender or (self._is_local(user) and self._users.match(user, exclusive=True))

    def has_alias(self, alias: str) -> bool:
        return self._aliases.match(alias)

    def owns_alias(self, alias: str) -> bool:
        """Whether nobody else may give a room that alias."""
        return self._is_local(alias) and self._aliases.match(alias, exclusive=True)

    def has_room(self, room_id: RoomId) -> bool:
        return self._rooms.match(room_id)

    @property
    def has_aliases(self) -> bool:
        """Whether any alias can be in its namespace."""
        return bool(self._aliases.all)

    def _is_local(self, identifier: str) -> bool:
        return identifier.partition(":")[2] == self._server_name


class Registry:
    """All application services."""

    def __init__(self, services: Iterable[AppService], server_name: ServerName) -> None:
        self.services: Mapping[str, Registered] = {one.id: Registered(one, server_name) for one in services}
        self._by_token = {token_hash(each.service.as_token): each for each in self.services.values()}
        self._claims: LRU[str, NameClaims] = LRU(MAX_USERS)

    def of_token(self, token: str) -> Registered | None:
        """The service with this `as_token`."""
        return self._by_token.get(token_hash(token))

    def claims_on(self, user: UserId) -> NameClaims | None:
        """See the hook of this name."""
        claims = self._claims.get(user)
        if claims is None:
            claims = self._claims[user] = _claims(
                [each for each in self.services.values() if each.has_user(user)],
                [each for each in self.services.values() if each.owns_user(user)],
            )
        return claims if claims.interested else None

    def claims_on_alias(self, alias: RoomAlias) -> NameClaims | None:
        """See the hook of this name."""
        claims = _claims(
            [each for each in self.services.values() if each.has_alias(alias)],
            [each for each in self.services.values() if each.owns_alias(alias)],
        )
        return claims if claims.interested else None

    def acting(self, user: UserId) -> Registered | None:
        """The service that alone can be this user."""
        return next((each for each in self.services.values() if each.owns_user(user)), None)

    def having_user(self, user: UserId) -> list[Registered]:
        """The services that may make a user: not those whose sender that is, who need not be asked for themselves."""
        claims = self.claims_on(user)
        interested = [self.services[name] for name in claims.interested] if claims else []
        return [each for each in interested if each.sender != user]

    def having_alias(self, alias: RoomAlias) -> list[Registered]:
        """The services that may make an alias."""
        claims = self.claims_on_alias(alias)
        return [self.services[name] for name in claims.interested] if claims else []

    def speaking(self, protocol: str) -> list[Registered]:
        """The services with a protocol ("Third-party networks")."""
        return [each for each in self.services.values() if protocol in each.service.protocols]

    @property
    def protocols(self) -> list[str]:
        """All of them."""
        return sorted({name for each in self.services.values() for name in each.service.protocols})


class _Patterns:
    """The namespaces of one kind."""

    def __init__(self, namespaces: Sequence[Namespace]) -> None:
        self.all: list[tuple[re.Pattern[str], bool]] = [(each.pattern(), each.exclusive) for each in namespaces]

    def match(self, text: str, *, exclusive: bool = False) -> bool:
        """Whether any matches; any that is exclusive, if that is asked."""
        return any(pattern.match(text) for pattern, is_exclusive in self.all if is_exclusive or not exclusive)


def _claims(interested: Sequence[Registered], owners: Sequence[Registered]) -> NameClaims:
    """ "An exclusive namespace prevents humans and other application services from creating/deleting entities" """
    return NameClaims(tuple(each.id for each in owners or interested), exclusive=bool(owners))
