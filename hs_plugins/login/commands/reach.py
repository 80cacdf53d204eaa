"""Have an act done: by the live server if there is one, else by one that runs for just this.

A live server has to do it itself: it holds the embedded database, and remembers accounts and tokens.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from hs_core.cli.command import Failure
from hs_core.matrix.unpadded_base64 import encode_base64
from hs_plugins.login.administration import actions

if TYPE_CHECKING:
    from hs_core.config import Config, Listener
    from hs_core.matrix.signing import SigningKey
    from hs_core.plugin.discovery import Discovery

PATH = "/_hs/administer"
TIMEOUT = 30.0
"""Seconds: hashing a password may have to wait for its turn."""

Answer = list[dict[str, Any]]


def act(config: Config, discovery: Discovery, action: actions.Any) -> Answer:
    """What the act answers. Raises Failure."""
    from hs_core import keyfile
    from hs_core.clock import SystemClock

    try:
        key = keyfile.read_or_create(config.signing_key_path, SystemClock())
    except keyfile.KeyFileError as error:
        raise Failure([str(error)]) from None
    for listener in _listeners(config):
        answer = _ask(config, listener, key, action)
        if answer is not None:
            return answer
    return asyncio.run(_act_here(config, discovery, key, action))


def _listeners(config: Config) -> Iterator[Listener]:
    """Where a process of this host may answer us, without those whose port the system chose."""
    from hs_core.plugin.declaration import Resource

    every = [*config.listeners, *(each for process in config.processes.values() for each in process.listeners)]
    return (each for each in every if Resource.ADMIN in each.resources and each.port)


def _ask(config: Config, listener: Listener, key: SigningKey, action: actions.Any) -> Answer | None:
    """`None` if nobody listens there. Raises Failure if it is another server, or if the act is refused."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listener.bind, listener.bind)
    try:
        found = _call(host, listener, "GET", None)
    except (ConnectionError, TimeoutError):
        return None
    if found.get("server_name") != config.server_name:
        raise Failure([f"what listens on {host}:{listener.port} is not the server {config.server_name}"])
    nonce, said = str(found["nonce"]), msgspec.json.encode(action).decode()
    signature = encode_base64(key.sign(actions.to_be_signed(nonce, said)))
    body = _call(host, listener, "POST", actions.Signed(nonce=nonce, action=said, signature=signature))
    if "answer" not in body:
        raise Failure([str(body.get("error", "the server does not understand"))])
    answer: Answer = body["answer"]
    return answer


def _call(host: str, listener: Listener, method: str, body: actions.Signed | None) -> dict[str, Any]:
    """The JSON object of an answer. The certificate is not for this address, and nothing here needs it to be."""
    if listener.tls is None:
        connection = http.client.HTTPConnection(host, listener.port, timeout=TIMEOUT)
    else:
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, listener.port, timeout=TIMEOUT, context=context)
    try:
        connection.request(method, PATH, None if body is None else msgspec.json.encode(body))
        answer = json.loads(connection.getresponse().read())
    except (http.client.HTTPException, ssl.SSLError, ValueError):
        raise Failure([f"what listens on {host}:{listener.port} is no homeserver of ours"]) from None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


async def _act_here(config: Config, discovery: Discovery, key: SigningKey, action: actions.Any) -> Answer:
    """Be a process of the server for a moment, without listening.

    Where there can be others, it is one that does nothing itself, so that nothing is handed over to it and back.
    """
    from hs_core import logs
    from hs_core.cluster.calls import ServiceMissing

    logs.configure(msgspec.structs.replace(config.logging, level="WARNING"), "hs user")
    config.data_dir.mkdir(parents=True, exist_ok=True)
    if config.redis.url is not None:
        try:
            return await _act_as(config, discovery, [], key, action)
        except ServiceMissing:
            pass  # the others are not there
    return await _act_as(config, discovery, discovery.select(["*"]), key, action)


async def _act_as(
    config: Config, discovery: Discovery, active: Sequence[str], key: SigningKey, action: actions.Any
) -> Answer:
    from hs_core.clock import SystemClock
    from hs_core.cluster.calls import ServiceMissing
    from hs_core.db import DatabaseError, DatabaseInUse
    from hs_core.errors import MatrixError
    from hs_core.process import Composition, running
    from hs_plugins.login.administration.administrator import Administrator
    from hs_plugins.login.api import ACCOUNTS, USERS

    composition = Composition(discovery.plugins, active, (), "hs user")
    refusal: Exception
    try:
        async with running(config, composition, key, SystemClock()) as process:
            core = process.core
            administrator = Administrator(
                core.server_name, core.clock, core.db, core.services[ACCOUNTS], core.read_sides[USERS]
            )
            try:
                return list(await administrator.act(action))
            except ServiceMissing as error:  # outside the context it would come in a group, like the next
                refusal = error
            except MatrixError as error:
                refusal = Failure([error.message])
    except DatabaseInUse:
        raise Failure(
            [
                "the server is running, and does not let itself be administered",
                "give one of its listeners the resource `admin`, or stop it",
            ]
        ) from None
    except DatabaseError as error:
        raise Failure([f"the database: {error}"]) from None
    raise refusal
