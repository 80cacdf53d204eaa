"""The door of the application service plugin: have bridges make what somebody asks for and is not there yet."""

from __future__ import annotations

from typing import Protocol

from hs_core.matrix.identifiers import RoomAlias, UserId
from hs_core.plugin import Service

__all__ = ["APPSERVICES", "AppServices"]


class AppServices(Protocol):
    """Calls run in any process where the plugin is active: it is the one that connects to application services."""

    async def make_user(self, user_id: UserId) -> bool:
        """Ask the services in whose namespaces a user is who does not exist; whether one has made them
        (`GET /_matrix/app/v1/users/{userId}`).
        """

    async def make_alias(self, alias: RoomAlias) -> bool:
        """The same for an alias of this server that stands for no room (`GET /_matrix/app/v1/rooms/{roomAlias}`)."""


APPSERVICES = Service[AppServices]("appservice")
