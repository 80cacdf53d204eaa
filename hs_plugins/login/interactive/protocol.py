"""The calls of user-interactive authentication. Part of the door, `api.py`."""

from __future__ import annotations

from typing import Protocol

from hs_plugins.login.interactive.values import Operation, Outcome


class Interactive(Protocol):
    """User-interactive authentication. Calls run in any process with the plugin; sessions are in the database."""

    async def attempt(self, operation: Operation) -> Outcome:
        """Take one step. Raises Forbidden if the session is for another operation, BadJson."""

    async def complete(self, session: str, stage: str, proof: str) -> None:
        """A stage was completed elsewhere: on a web page, or by a link in an e-mail. Raises NotFound."""
