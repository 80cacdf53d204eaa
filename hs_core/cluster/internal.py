"""The internal listener: where the other processes of the deployment call services and pass requests on.

Everything on it asks for the secret. A call is done once, however often it is repeated: who lost the connection asks
again with the same key, and is given the same answer.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from hs_core.cluster.calls import Services
from hs_core.cluster.elsewhere import ANSWERED, CALL_PATH, KEY_HEADER, NOT_OWNER, REFUSED
from hs_core.cluster.leases import Leases, NotOwner
from hs_core.cluster.once import answering
from hs_core.cluster.peers import PREVIOUS_HEADER, SECRET_HEADER
from hs_core.cluster.promises import Promise, Unintelligible, promises_of
from hs_core.cluster.refusals import write_refusal
from hs_core.errors import as_matrix_error
from hs_core.http.forward import CLIENT_HEADER, PASSED_ON
from hs_core.plugin.declaration import Plugin, Service

log = structlog.get_logger(__name__)

INTERNAL: Final = "/_hs/internal/"
MOST_BYTES: Final = 256 << 20
"""Of a call's arguments: the state of a room that is imported."""
REMEMBERED: Final = 4096
"""Answers that are kept for who asks again."""
REMEMBERED_BYTES: Final = 16 * 1024
"""Larger answers are not kept: they are of calls that read."""

_PROOFS: Final = (SECRET_HEADER.encode(), PREVIOUS_HEADER.encode())
_KEY: Final = KEY_HEADER.encode()
_CLIENT: Final = CLIENT_HEADER.encode()

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class InternalApp:
    """The ASGI application of the internal listener."""

    secrets: Sequence[str]
    """Those that are good: two, while one replaces the other."""
    calls: CallDoor
    public: ASGIApp
    """What answers the requests that others pass on."""
    reports: Mapping[str, Callable[[], Awaitable[bytes]]]
    """JSON about this process, by path below `INTERNAL`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        path: str = scope["path"]
        if not any(self._trusts(headers.get(proof, b"")) for proof in _PROOFS):
            log.warning("somebody without the secret is at the internal listener", path=path[:100])
            await _answer(send, 403, b"")
        elif path.startswith(CALL_PATH):
            body = await _body(receive)
            status, answer = await self.calls.answer(path[len(CALL_PATH) :], headers.get(_KEY, b""), body)
            await _answer(send, status, answer)
        elif path.startswith(INTERNAL):
            report = self.reports.get(path[len(INTERNAL) :])
            await (_answer(send, 404, b"") if report is None else _answer(send, 200, await report()))
        else:
            client = headers.get(_CLIENT, b"").decode("latin-1")
            # Not in a copy: the connection looks here for whom to tell that the other process has hung up.
            scope["client"], scope[PASSED_ON] = (client, 0), True
            await self.public(scope, receive, send)

    def _trusts(self, secret: bytes) -> bool:
        return any(hmac.compare_digest(secret, each.encode()) for each in self.secrets)


class CallDoor:
    """Does the calls that other processes ask for."""

    def __init__(
        self,
        installed: Mapping[str, Plugin],
        services: Services,
        leases: Leases,
        carried: Callable[[], Awaitable[None]],
    ) -> None:
        """`carried` returns when whatever was announced until now is on its way to the other processes."""
        self._offered: dict[str, tuple[Service[Any], Promise]] = {
            f"{service.name}/{name}": (service, promise)
            for plugin in installed.values()
            for service in plugin.serves
            for name, promise in promises_of(service).items()
        }
        self._services = services
        self._leases = leases
        self._carried = carried
        self._answers: OrderedDict[bytes, asyncio.Future[Answer]] = OrderedDict()

    async def answer(self, call: str, key: bytes, body: bytes | None) -> Answer:
        """Status and body for a call, `SERVICE/METHOD`. The same `key` again is the same call."""
        offered = self._offered.get(call)
        if offered is None or body is None or not key:
            return 404, b""
        known = self._answers.get(key)
        if known is not None:
            return await asyncio.shield(known)
        answer = self._answers[key] = asyncio.get_running_loop().create_future()
        status, data = NOT_OWNER, b""  # should this be cut off, as the process stops
        try:
            with answering(key.decode("latin-1")):
                status, data = await self._do(*offered, body)
        finally:
            answer.set_result((status, data))
            if status == NOT_OWNER or len(data) > REMEMBERED_BYTES:
                self._answers.pop(key, None)
            elif len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return status, data

    async def _do(self, service: Service[Any], promise: Promise, body: bytes) -> Answer:
        role = self._services.here(service.name)
        if role is None:
            return NOT_OWNER, b""
        try:
            args, kwargs = promise.read_arguments(body)
            if service.owner is not None and not self._leases.holds(service.owner, args[0]):
                return NOT_OWNER, b""
            result = await getattr(role, promise.method)(*args, **kwargs)
            await self._carried()
            return ANSWERED, promise.write_result(result)
        except NotOwner:
            return NOT_OWNER, b""
        except Unintelligible as error:
            log.error("a call that cannot be understood", call=str(promise), error=str(error))
            return 400, b""
        except Exception as error:
            return REFUSED, write_refusal(as_matrix_error(error))


async def _body(receive: Receive) -> bytes | None:
    """`None` for one that is too large, or does not come to its end."""
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if size > MOST_BYTES:
            return None
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
