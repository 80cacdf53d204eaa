"""Have a call done by the process that owns its key: find it, ask it, and ask the next one if it is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, count, repeat
from typing import Any, Final

import structlog

from hs_core.clock import Clock
from hs_core.cluster.calls import ServiceMissing, Services
from hs_core.cluster.leases import NotOwner
from hs_core.cluster.members import Member
from hs_core.cluster.once import answering
from hs_core.cluster.pauses import nobody_waits
from hs_core.cluster.peers import Peers, Unreachable
from hs_core.cluster.promises import Promise
from hs_core.cluster.refusals import read_refusal
from hs_core.cluster.registry import Registry
from hs_core.errors import Unavailable
from hs_core.plugin.declaration import Service

log = structlog.get_logger(__name__)

CALL_PATH: Final = "/_hs/internal/call/"
KEY_HEADER: Final = "hs-call-key"

ANSWERED: Final = 200
REFUSED: Final = 409
NOT_OWNER: Final = 421

PATIENCE: Final = 12.0
"""Seconds for which somebody is looked for who can do it: longer than it takes to replace a process that has died."""
LONGEST: Final = 120.0
"""Seconds that one process may take: a large room is imported in one call."""
PAUSES: Final = (0.005, 0.01, 0.02, 0.05)
"""Seconds between two tries, the last of them repeated."""


class OtherProcesses:
    """See `hs_core.cluster.calls.Elsewhere`."""

    def __init__(self, registry: Registry, peers: Peers, clock: Clock, offered_by: Mapping[str, str]) -> None:
        """`offered_by` has the plugin of each service."""
        self.services: Services | None = None
        """Where the calls are done that fall to this process after all."""
        self._registry = registry
        self._peers = peers
        self._clock = clock
        self._offered_by = offered_by
        self._prefix = clock.random_text(12)
        self._numbers = count(1)
        self._turns = count()

    async def call(self, service: Service[Any], promise: Promise, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Raises ServiceMissing; Unavailable if nobody could do it in time; whatever the method raises.

        What went wrong is not begun anew for a client that has gone: it may have done the same elsewhere, and more.
        """
        await self._registry.pauses.not_in_vain()
        key = f"{self._prefix}-{next(self._numbers)}"
        body = promise.write_arguments(args, kwargs)
        give_up = self._clock.monotonic() + PATIENCE
        pauses = _pauses()
        while True:
            try:
                return await self._try(self._locate(service, args), promise, args, kwargs, key=key, body=body)
            except (NotOwner, Unreachable) as error:
                if self._clock.monotonic() > give_up:
                    log.warning("a call found nobody", call=str(promise), error=str(error))
                    raise Unavailable("The part of this server that does this cannot be reached") from error
                if nobody_waits():
                    raise Unavailable("Nobody waits for the answer any more") from error
            await self._clock.sleep(next(pauses))

    def _locate(self, service: Service[Any], args: tuple[Any, ...]) -> Member:
        """Who is to do it. Raises NotOwner if that is not settled now, ServiceMissing if nobody is there at all."""
        offering = self._registry.where(self._offered_by[service.name])
        if not offering:
            raise ServiceMissing(service.name)
        if service.owner is None:
            return offering[next(self._turns) % len(offering)]
        member = self._registry.owner(service.owner, args[0])
        if member is None:
            raise NotOwner(service.owner.name, ())
        return member

    async def _try(
        self,
        member: Member,
        promise: Promise,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        key: str,
        body: bytes,
    ) -> Any:
        if member.id == self._registry.me.id:
            assert self.services is not None
            role = self.services.here(promise.service)
            if role is None:  # this process is about to stop
                raise NotOwner(promise.service, ())
            with answering(key):
                return await getattr(role, promise.method)(*args, **kwargs)
        return await self._ask(member, promise, key, body)

    async def _ask(self, member: Member, promise: Promise, key: str, body: bytes) -> Any:
        target = f"{CALL_PATH}{promise.service}/{promise.method}"
        async with self._peers.request(
            member, "POST", target, headers={KEY_HEADER: key}, body=body, seconds=LONGEST
        ) as response:
            data = await response.read()
        if response.status == ANSWERED:
            return promise.read_result(data)
        if response.status == REFUSED:
            raise read_refusal(data)
        if response.status == NOT_OWNER:
            raise NotOwner(promise.service, ())
        raise Unreachable(member, f"status {response.status} for {promise}", begun=False)


def _pauses() -> Iterator[float]:
    return chain(PAUSES, repeat(PAUSES[-1]))
