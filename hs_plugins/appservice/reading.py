"""What every process has of this plugin: who the application services are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hs_core.config.appservices import read_appservices
from hs_core.core import Core
from hs_core.plugin import ReadSide
from hs_plugins.appservice.identity import Identities
from hs_plugins.appservice.registered import Registry
from hs_plugins.login.api import ACCOUNT_CHANGES, USERS


@dataclass(frozen=True)
class Registrations:
    """Out of the registration files, which are read when the process starts."""

    registry: Registry
    identities: Identities


REGISTRATIONS: Final = ReadSide[Registrations]("appservice")
"""For this plugin's hooks and role."""


@asynccontextmanager
async def open_registrations(core: Core) -> AsyncIterator[Registrations]:
    """Raises ConfigError."""
    registry = Registry(read_appservices(core.config), core.server_name)
    identities = Identities(registry, core.read_sides[USERS])
    if registry.services:
        follower = core.follower(ACCOUNT_CHANGES)
        await follower.awake()
        follower.subscribe(identities.hear)
        core.caches["appservice_accounts"] = identities.accounts
    yield Registrations(registry, identities)
