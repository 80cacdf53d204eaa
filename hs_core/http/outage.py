"""When the database is there and says nothing: nobody waits for it without end.

What was begun may be done once it goes on; it is not broken off, for nobody could say then whether it will be. But who
asked for it is told to ask again, and nothing new is begun.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog
from starlette.types import Receive, Scope, Send

from hs_core.errors import Unavailable
from hs_core.http.request import Request
from hs_core.http.responses import error_response, send_response

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 5


class Outage:
    """The requests of one process that are not answered yet, and whether there is anything to wait for."""

    def __init__(self) -> None:
        self.lasts = False
        self._unanswered: dict[Request, tuple[Scope, Receive, Send]] = {}
        self._answering: dict[Request, asyncio.Task[None]] = {}

    def check(self) -> None:
        """Raises Unavailable while it lasts."""
        if self.lasts:
            raise _unavailable()

    def waits(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        """Somebody waits for the answer to a request."""
        self._unanswered[request] = scope, receive, send

    def still_waits(self, request: Request) -> bool:
        """Whether nobody has answered it yet: from now on the caller does."""
        return self._unanswered.pop(request, None) is not None

    async def answered(self, request: Request) -> None:
        """Return when one that does not wait any more has its answer."""
        if (answering := self._answering.get(request)) is not None:
            await answering

    def begin(self) -> None:
        """Answer everybody, and be asked for nothing more."""
        self.lasts = True
        waiting, self._unanswered = self._unanswered, {}
        if waiting:
            log.warning("requests are answered although they are not done", requests=len(waiting))
        for request, door in waiting.items():
            request.given_up = True
            self._answering[request] = asyncio.create_task(self._answer(request, *door))

    def end(self) -> None:
        """All is well again."""
        self.lasts = False

    async def _answer(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Exception):  # the client has gone meanwhile
            await send_response(error_response(_unavailable(), request.request_id), scope, receive, send, b"")
        self._answering.pop(request, None)
        request.client_gone()


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer; try again", retry_after=RETRY_SECONDS)
