"""What runs where the plugin is active."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hs_core.cluster.calls import Services
from hs_core.config import Config
from hs_core.core import Core
from hs_core.http.limits import RateLimiter
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.signing import VerifyKey
from hs_core.plugin.hooks import Hooks
from hs_plugins.login.api import ACCOUNT_CHANGES, ACCOUNTS, INTERACTIVE, USERS, Accounts, Interactive, Users
from hs_plugins.login.config import LoginConfig
from hs_plugins.login.credentials import Credentials
from hs_plugins.login.interactive.service import InteractiveService
from hs_plugins.login.interactive.stages import Stages
from hs_plugins.login.issuing import Issuer
from hs_plugins.login.lifecycle import Lifecycle
from hs_plugins.login.passwords import Passwords
from hs_plugins.login.service import AccountsService
from hs_plugins.login.writing import AccountWriter


@dataclass(frozen=True)
class LoginRole(AccountsService, InteractiveService):
    """Implements both services of the plugin, and is what the handlers are given.

    Handlers call the services by their keys: the account may be owned by another process.
    """

    server_name: ServerName
    verify_key: VerifyKey
    settings: Config
    services: Services
    credentials: Credentials
    hooks: Hooks
    users: Users

    @property
    def accounts(self) -> Accounts:
        return self.services[ACCOUNTS]

    @property
    def interactive(self) -> Interactive:
        return self.services[INTERACTIVE]


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[LoginRole]:
    """Own accounts for as long as the context lasts."""
    config = core.section("login", LoginConfig)
    passwords = Passwords(minimum_cost=core.config.password_hash.cost == "minimum")
    limiter = RateLimiter(core.config.rate_limits, core.clock.monotonic)
    credentials = Credentials(core.server_name, core.db, core.hooks, passwords, limiter)
    lifecycle = Lifecycle(core.hooks, core.db, core.clock, core.services, core.read_sides)
    role = LoginRole(
        db=core.db,
        clock=core.clock,
        config=config,
        stages=Stages(core.db, core.clock, core.hooks, credentials),
        writer=AccountWriter(core.writer(ACCOUNT_CHANGES), core.clock),
        issuer=Issuer(config, core.clock),
        passwords=passwords,
        lifecycle=lifecycle,
        server_name=core.server_name,
        verify_key=core.signing_key.verify_key,
        settings=core.config,
        services=core.services,
        credentials=credentials,
        hooks=core.hooks,
        users=core.read_sides[USERS],
    )
    try:
        async with asyncio.TaskGroup() as group:
            leaving = group.create_task(lifecycle.leave_when_asked(), name="leave rooms of deactivated users")
            yield role
            leaving.cancel()
    finally:
        passwords.close()
