"""What every process has of this plugin: who a token is, who there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from hs_core.core import Core
from hs_core.http.authenticate import TokenChecker
from hs_plugins.login.api import ACCOUNT_CHANGES, Users
from hs_plugins.login.checker import TokenReader, forget_changed_tokens
from hs_plugins.login.sightings import Sightings
from hs_plugins.login.users import UsersReader


@asynccontextmanager
async def open_users(core: Core) -> AsyncIterator[Users]:
    """Accounts and devices."""
    yield UsersReader(core.db)


@asynccontextmanager
async def open_token_checker(core: Core) -> AsyncIterator[TokenChecker]:
    """Checks tokens, has the process forget those that changed, and notes who was seen."""
    core.follower(ACCOUNT_CHANGES).subscribe(partial(forget_changed_tokens, core.authenticator))
    sightings = Sightings(core.db, core.clock)
    core.authenticator.seen = sightings.saw
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(sightings.keep_writing(), name="note who was seen")
        yield TokenReader(core.db, core.clock, core.services, core.hooks, core.server_name)
        writing.cancel()
